/** Reads all that versions need and says what is damaged. */
import { stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionId } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { digestFile } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import { contentOf } from "./member-encoder.ts";
import { type OpenVersion, openVersion, storedEntries } from "./open-version.ts";
import { PackIndexes } from "./pack-indexes.ts";
import { PackReader } from "./pack-reader.ts";
import type { Damage, VerifyReport, WaitOptions } from "./store.ts";
import { manifestPathOf } from "./store-paths.ts";

export async function verifyVersions(
  context: StoreContext,
  request: WaitOptions & { readonly versions: readonly VersionId[] },
): Promise<VerifyReport> {
  const run: VerifyRun = {
    context,
    options: request,
    damage: [],
    checkedPacks: new Set(),
    checkedContent: new Map(),
    counts: { entries: 0, bytes: 0 },
  };
  for (const id of request.versions) {
    const before = run.damage.length;
    try {
      await verifyVersion(run, id);
    } catch (error) {
      run.damage.push({ version: id, problem: problemOf(error) });
    }
    if (run.damage.length > before) {
      await refuseRemoved(context, id);
    }
  }
  return { versions: request.versions, ...run.counts, damage: run.damage };
}

/** What is missing of a version that was removed meanwhile is no damage. */
async function refuseRemoved({ paths }: StoreContext, id: VersionId): Promise<void> {
  if ((await stat(manifestPathOf(paths, id)).catch(() => undefined)) === undefined) {
    throw new AppError("conflict", `Version ${formatVersion(id)} was removed while it was verified`, {
      hint: "Run the command again.",
    });
  }
}

interface VerifyRun {
  readonly context: StoreContext;
  readonly options: WaitOptions;
  readonly damage: Damage[];
  /** Packs whose own digest was checked. */
  readonly checkedPacks: Set<string>;
  /** Members whose content was checked, with what is wrong with it: versions share most of theirs. */
  readonly checkedContent: Map<string, string | undefined>;
  readonly counts: { entries: number; bytes: number };
}

async function verifyVersion(run: VerifyRun, id: VersionId): Promise<void> {
  // What is on the disk is read, whatever is known of it.
  const version = await openVersion({ paths: run.context.paths, indexes: new PackIndexes() }, id);
  const { signal } = run.options;
  try {
    await verifyPacks(run, version);
    const reader = new PackReader(signal === undefined ? {} : { signal });
    for await (const batch of storedEntries(version, signal === undefined ? {} : { signal })) {
      for (const stored of batch) {
        signal?.throwIfAborted();
        run.counts.entries += 1;
        const problem = await verifyContent(run, { stored, version, reader });
        if (problem !== undefined) {
          run.damage.push(damageOf(version, { stored, problem }));
        }
      }
      run.options.onProgress?.({
        phase: "verify",
        files: run.counts.entries,
        filesTotal: version.manifest.totals.entries,
        bytes: run.counts.bytes,
      });
    }
  } finally {
    await version.close();
  }
}

async function verifyPacks(run: VerifyRun, version: OpenVersion): Promise<void> {
  for (const pack of version.packs) {
    if (run.checkedPacks.has(pack.id)) {
      continue;
    }
    run.options.onProgress?.({ phase: "verify", message: `pack ${pack.id.slice(0, 12)}` });
    const digest = await digestFile(pack.handle, run.options.signal);
    run.checkedPacks.add(pack.id);
    if (digest !== pack.id) {
      const { image, number } = version.manifest;
      run.damage.push({
        version: { image, number },
        pack: pack.id,
        problem: `the pack's SHA-256 is ${digest}`,
      });
    }
  }
}

/** What is wrong with an entry's content, if it has any and it is wrong. */
async function verifyContent(
  run: VerifyRun,
  item: { readonly stored: StoredEntry; readonly version: OpenVersion; readonly reader: PackReader },
): Promise<string | undefined> {
  const { stored, version, reader } = item;
  const { entry, place } = stored;
  if (entry.kind !== "file" || entry.size === 0) {
    return undefined;
  }
  const key = place === undefined ? undefined : `${version.manifest.packs[place.pack]}:${place.member}`;
  if (key !== undefined && run.checkedContent.has(key)) {
    return run.checkedContent.get(key);
  }
  let problem: string | undefined;
  try {
    const content = await contentOf(stored, { version, reader });
    for await (const bytes of content.data) {
      run.counts.bytes += bytes.length;
    }
  } catch (error) {
    problem = problemOf(error);
  }
  if (key !== undefined) {
    run.checkedContent.set(key, problem);
  }
  return problem;
}

function damageOf(
  version: OpenVersion,
  bad: { readonly stored: StoredEntry; readonly problem: string },
): Damage {
  const { image, number, packs } = version.manifest;
  const path: RelPath = bad.stored.entry.path;
  const pack = packs[bad.stored.place?.pack ?? -1];
  return { version: { image, number }, path, problem: bad.problem, ...(pack === undefined ? {} : { pack }) };
}

/** The message of damage; anything else that goes wrong ends the verification. */
function problemOf(error: unknown): string {
  if (error instanceof AppError && error.code === "corrupt") {
    return error.message;
  }
  throw error;
}
