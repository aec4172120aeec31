/** Reads what changed in a tree through tar and gives each entry its place in the packs. */
import { createHash } from "node:crypto";
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { changesBetween } from "../sync/compare.ts";
import { parseTarMessages } from "../sync/tar-messages.ts";
import { readTar } from "../tar/stream.ts";
import { readMembers } from "../tree/tar-tool.ts";
import type { PendingEntry } from "./commit-plan.ts";
import type { Place } from "./entry-line.ts";
import { type IncomingMember, MemberCursor } from "./member-cursor.ts";
import type { Packer } from "./packer.ts";
import type { CommitOptions, CommitResult } from "./store.ts";

/** SHA-256 of no bytes. */
const emptyDigest = createHash("sha256").digest("hex");

/** An entry of the tree, complete, and where the store keeps it. */
export interface StoredNow {
  readonly entry: FileEntry;
  readonly place?: Place;
}

export interface TreeTask {
  readonly image: string;
  readonly tree: string;
  readonly options: Pick<CommitOptions, "known" | "onStored" | "signal" | "onProgress">;
}

/** Stores every pending entry that is not unchanged. `pending` comes in archive order. */
export async function storeChanged(
  pending: readonly PendingEntry[],
  using: {
    readonly packer: Packer;
    readonly task: TreeTask;
    /** Filled with what was stored, as it is stored. */
    readonly stored: Map<RelPath, StoredNow>;
  },
): Promise<CommitResult["read"]> {
  const { packer, task, stored } = using;
  const { signal, onProgress } = task.options;
  const complete = completeEntries(pending, using);
  const toRead = pending.filter((item) => !item.unchanged && mustBeRead(item, complete));
  const bytesTotal = toRead.reduce((sum, { listed }) => sum + sizeOf(listed.entry), 0);
  const read = { entries: 0, bytes: 0 };
  const tar = new TreeReader(task, toRead);
  try {
    for (const item of pending) {
      if (item.unchanged) {
        continue;
      }
      signal?.throwIfAborted();
      const known = complete.get(item);
      if (known !== undefined) {
        const now = await storeComplete(known, packer);
        stored.set(known.path, now);
        task.options.onStored?.(now.entry);
        continue;
      }
      const member = await tar.next(item.listed.entry);
      const now = await storeMember(member, packer);
      stored.set(member.entry.path, now);
      task.options.onStored?.(now.entry);
      read.entries += 1;
      read.bytes += sizeOf(member.entry);
      onProgress?.({
        phase: "store",
        files: read.entries,
        filesTotal: toRead.length,
        bytes: read.bytes,
        bytesTotal,
      });
    }
    await tar.finish();
  } finally {
    await tar.close();
  }
  return read;
}

/** Entries that need not be read: links and sockets have nothing to read, and of some the caller knows everything. */
function completeEntries(
  pending: readonly PendingEntry[],
  using: { readonly packer: Packer; readonly task: TreeTask },
): ReadonlyMap<PendingEntry, FileEntry> {
  const complete = new Map<PendingEntry, FileEntry>();
  for (const item of pending) {
    const { entry } = item.listed;
    if (item.unchanged) {
      continue;
    }
    if (entry.kind === "hardlink" || entry.kind === "socket") {
      complete.set(item, entry);
      continue;
    }
    const known = using.task.options.known?.(entry);
    if (known === undefined) {
      continue;
    }
    const { extended, digest } = known;
    if (entry.kind !== "file" || entry.size === 0) {
      complete.set(item, { ...entry, extended });
    } else if (digest !== undefined && using.packer.findContent(entry, digest) !== undefined) {
      complete.set(item, { ...entry, extended, digest });
    }
  }
  return complete;
}

function mustBeRead(item: PendingEntry, complete: ReadonlyMap<PendingEntry, FileEntry>): boolean {
  return !complete.has(item);
}

async function storeComplete(entry: FileEntry, packer: Packer): Promise<StoredNow> {
  if (entry.kind === "socket") {
    return { entry };
  }
  if (entry.kind === "file" && entry.digest !== undefined) {
    const place = packer.findContent(entry, entry.digest);
    return place === undefined ? { entry } : { entry, place };
  }
  const place = await packer.placeHeader(entry);
  return { entry: entry.kind === "file" ? { ...entry, digest: emptyDigest } : entry, place };
}

async function storeMember(member: IncomingMember, packer: Packer): Promise<StoredNow> {
  const { entry } = member;
  if (entry.kind !== "file" || entry.size === 0) {
    return storeComplete(entry, packer);
  }
  const { place, digest } = await packer.placeContent(entry, member);
  return { entry: { ...entry, digest }, place };
}

function sizeOf(entry: FileEntry): number {
  return entry.kind === "file" ? entry.size : 0;
}

/** GNU tar on the paths to read; what it gives must be what the scan saw. */
class TreeReader {
  readonly #task: TreeTask;
  readonly #process: ReturnType<typeof readMembers> | undefined;
  readonly #cursor: MemberCursor | undefined;

  constructor(task: TreeTask, items: readonly PendingEntry[]) {
    this.#task = task;
    if (items.length > 0) {
      const { signal } = task.options;
      this.#process = readMembers({
        root: task.tree,
        paths: items.map((item) => item.listed.entry.path),
        ...(signal === undefined ? {} : { signal }),
      });
      this.#cursor = new MemberCursor(readTar(this.#process.stdout, { what: `the tree of ${task.image}` }));
    }
  }

  async next(listed: FileEntry): Promise<IncomingMember> {
    const member = await this.#cursor?.next();
    if (member === undefined || member.entry.path !== listed.path) {
      throw await this.#explain(listed.path);
    }
    if (changesBetween(member.entry, listed, {}).length > 0) {
      throw this.#moved(listed.path);
    }
    return member;
  }

  /** Reads to the end: whether tar could read all shows only there. */
  async finish(): Promise<void> {
    const extra = await this.#cursor?.next();
    if (extra !== undefined) {
      throw this.#moved(extra.entry.path);
    }
    const exit = await this.#process?.exit;
    if (exit === undefined) {
      return;
    }
    const messages = parseTarMessages(exit.stderr);
    const [torn] = [...messages.torn, ...messages.vanished];
    if (torn !== undefined) {
      throw this.#moved(torn);
    }
    if (exit.code !== 0) {
      throw new AppError("io", `Cannot read the tree of image ${this.#task.image}: ${exit.stderr.trim()}`);
    }
  }

  async close(): Promise<void> {
    await this.#cursor?.close();
    await this.#process?.exit.catch(() => undefined);
  }

  /** Why a member is not there: it is gone, or tar failed. */
  async #explain(path: RelPath): Promise<AppError> {
    while ((await this.#cursor?.next()) !== undefined) {
      // What comes after a gap is of no use: only tar's messages are.
    }
    const exit = await this.#process?.exit;
    const messages = parseTarMessages(exit?.stderr ?? "");
    const [gone] = messages.vanished;
    return messages.other.length > 0 && gone === undefined
      ? new AppError(
          "io",
          `Cannot read '${escapePath(path)}' of image ${this.#task.image}: ${messages.other[0]}`,
        )
      : this.#moved(gone ?? path);
  }

  #moved(path: RelPath): AppError {
    return new AppError(
      "conflict",
      `The tree of image ${this.#task.image} changed while it was committed: '${escapePath(path)}'`,
      { hint: "Stop what is writing into the tree and commit again." },
    );
  }
}
