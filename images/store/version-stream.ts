/** A whole version as one zstd-compressed tar. */

import { concatBytes, fromHex } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionRef } from "../manifest.ts";
import { endOfArchive } from "../tar/encode.ts";
import type { StoreContext } from "./context.ts";
import type { StoredEntry } from "./entry-line.ts";
import { encodedLength, encodeStored, type MemberSource } from "./member-encoder.ts";
import { openVersion, storedEntries } from "./open-version.ts";
import type { PackFile } from "./pack-file.ts";
import { PackReader, readCompressedFrame } from "./pack-reader.ts";
import { frameTarget } from "./pack-writer.ts";
import type { Recent } from "./recent.ts";
import type { VersionStream } from "./store.ts";
import { type FrameRun, type StreamPlan, StreamPlanner } from "./stream-plan.ts";
import { archiveOrder } from "./tree-order.ts";
import { compressFrame } from "./zstd.ts";

/** Opens the stream: its packs are open from here on, until it is read or returned. */
export async function openVersionStream(
  context: StoreContext,
  ref: VersionRef,
  options: { readonly signal?: AbortSignal; readonly recent: Recent<PlannedStream> },
): Promise<VersionStream> {
  const { signal, recent } = options;
  const version = await openVersion(context, ref);
  try {
    const source: MemberSource = { version, reader: new PackReader(signal === undefined ? {} : { signal }) };
    // Without the signal: others may wait for the plan, though who asked first goes away.
    const planned = await recent.get(version.manifest, () =>
      planStream({ version, reader: new PackReader() }),
    );
    const task = { source, planned, ...(signal === undefined ? {} : { signal }) };
    return {
      manifest: version.manifest,
      ...planned.size,
      stream: closing(produce(context, task), () => version.close()),
    };
  } catch (error) {
    await version.close();
    throw error;
  }
}

/** What a version's stream consists of. */
export interface PlannedStream {
  readonly plan: FullPlan;
  readonly size: Pick<VersionStream, "bytes" | "entries" | "compressedBytes">;
}

/** What is written before the copied frames, and what after them. */
interface FullPlan extends StreamPlan {
  readonly head: readonly StoredEntry[];
  readonly rest: readonly StoredEntry[];
}

async function planStream(source: MemberSource): Promise<PlannedStream> {
  const { version } = source;
  const planner = new StreamPlanner(version.packs.map((pack) => pack.index));
  for await (const batch of storedEntries(version)) {
    for (const stored of batch) {
      planner.add(stored);
    }
  }
  if (planner.needsTargets) {
    for await (const batch of storedEntries(version)) {
      for (const stored of batch) {
        planner.addTarget(stored);
      }
    }
  }
  const frames = planner.plan();
  const plan = frames.complete
    ? { ...frames, head: [], rest: [] }
    : { ...frames, ...(await restOf(source, frames)) };
  return { plan, size: await measure(source, plan) };
}

/** What the copied frames do not hold, in archive order, each directory also before what is put into it. */
async function restOf(
  source: MemberSource,
  plan: StreamPlan,
): Promise<{ readonly head: readonly StoredEntry[]; readonly rest: readonly StoredEntry[] }> {
  const wanted: StoredEntry[] = [];
  const directories = new Map<RelPath, StoredEntry>();
  const parents = new Set<RelPath>();
  for await (const batch of storedEntries(source.version)) {
    for (const stored of batch) {
      const { entry } = stored;
      const missing = !plan.holds(stored);
      if (entry.kind === "directory" && !missing) {
        directories.set(entry.path, stored);
      }
      if (missing) {
        wanted.push(stored);
        if (entry.path !== "") {
          parents.add(parentPath(entry.path));
        }
      }
    }
  }
  for (const parent of parents) {
    const stored = directories.get(parent);
    if (stored !== undefined) {
      wanted.push(stored);
    }
  }
  const rest = archiveOrder(wanted, (stored) => stored.entry);
  // Without extended attributes, which they get at their second coming: a default ACL would be inherited meanwhile.
  const head = rest
    .filter((stored) => stored.entry.kind === "directory")
    .map((stored) => ({ ...stored, entry: { ...stored.entry, extended: [] } }));
  return { rest, head };
}

interface StreamTask {
  readonly source: MemberSource;
  readonly planned: PlannedStream;
  readonly signal?: AbortSignal;
}

async function measure(source: MemberSource, plan: FullPlan): Promise<PlannedStream["size"]> {
  let bytes = endOfArchive.length;
  let entries = 0;
  let compressed = endFrame.length;
  for (const run of plan.copied) {
    const { index } = source.version.packs[run.pack] as PackFile;
    bytes += (index.frameRaw[run.endFrame] as number) - (index.frameRaw[run.firstFrame] as number);
    compressed += (index.frameOffset[run.endFrame] as number) - (index.frameOffset[run.firstFrame] as number);
    entries += run.endMember - run.firstMember;
  }
  if (plan.complete) {
    return { bytes, entries, compressedBytes: compressed };
  }
  for (const stored of [...plan.head, ...plan.rest]) {
    bytes += await encodedLength(stored, source);
    entries += stored.entry.kind === "socket" ? 0 : 1;
  }
  return { bytes, entries };
}

/** Directories first, so that every member finds its own; the copied frames; what they do not hold. */
async function* produce(context: StoreContext, task: StreamTask): AsyncGenerator<Uint8Array> {
  const { source, signal } = task;
  const { plan } = task.planned;
  const compression = { level: context.level, ...(signal === undefined ? {} : { signal }) };
  yield* compressed(encoded(plan.head, source), compression);
  for (const run of plan.copied) {
    yield* copyRun(run, task);
  }
  yield* compressed(encoded(plan.rest, source), compression);
  yield endFrame;
}

async function* encoded(entries: readonly StoredEntry[], source: MemberSource): AsyncGenerator<Uint8Array> {
  for (const stored of entries) {
    yield* encodeStored(stored, source);
  }
}

async function* copyRun(run: FrameRun, task: StreamTask): AsyncGenerator<Uint8Array> {
  const { version } = task.source;
  const pack = version.packs[run.pack] as PackFile;
  for (let frame = run.firstFrame; frame < run.endFrame; frame++) {
    task.signal?.throwIfAborted();
    const bytes = await readCompressedFrame(pack, frame);
    if (typeof bytes === "string") {
      const name = formatVersion(version.manifest);
      throw new AppError("corrupt", `Version ${name} is damaged: ${bytes}, in pack ${pack.id}`, {
        hint: `Run 'ingot image verify ${name}' to see which files are lost, and restore the pack from a backup.`,
        fields: { image: version.manifest.image, version: version.manifest.number, pack: pack.id },
      });
    }
    yield bytes;
  }
}

/** Compresses a stream as frames, one ahead of the reader. */
async function* compressed(
  source: AsyncIterable<Uint8Array>,
  options: { readonly level: number; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let ahead: Promise<Uint8Array> | undefined;
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of source) {
    parts.push(bytes);
    length += bytes.length;
    if (length >= frameTarget) {
      const next = compressFrame(concatBytes(parts), options);
      next.catch(() => undefined);
      parts = [];
      length = 0;
      if (ahead !== undefined) {
        yield await ahead;
      }
      ahead = next;
    }
  }
  if (ahead !== undefined) {
    yield await ahead;
  }
  if (length > 0) {
    yield await compressFrame(concatBytes(parts), options);
  }
}

/** The end of an archive as a zstd frame (RFC 8878, section 3.1.1): magic, a single segment of 1024 bytes, one block that repeats a zero. */
const endFrame = fromHex("28b52ffd" + "600003" + "032000" + "00") as Uint8Array;

/** Closes when the source has ended, failed or was returned, also where it was never begun. */
function closing<T>(source: AsyncGenerator<T>, close: () => Promise<void>): AsyncIterable<T> {
  let closed = false;
  async function closeOnce(): Promise<void> {
    if (!closed) {
      closed = true;
      await close();
    }
  }
  const iterator: AsyncIterableIterator<T> = {
    async next() {
      try {
        const result = await source.next();
        if (result.done === true) {
          await closeOnce();
        }
        return result;
      } catch (error) {
        await closeOnce();
        throw error;
      }
    },
    async return(value: unknown) {
      await source.return(undefined);
      await closeOnce();
      return { done: true, value };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
