/**
 * One look at a tree against a version: what changed is read through tar into one new pack in the work folder. Commit
 * publishes it; a rollback only wants to know whether anything changed, and throws it away.
 */
import { mkdir } from "node:fs/promises";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { ImageName, Manifest } from "../manifest.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { scanTable } from "../tree/scan.ts";
import { storeChanged } from "./changed-members.ts";
import { type CommitPlan, planCommit } from "./commit-plan.ts";
import { CommittedTree } from "./committed-tree.ts";
import type { StoreContext } from "./context.ts";
import { namesIn } from "./durable-file.ts";
import type { MemberId } from "./entry-line.ts";
import { type OpenVersion, openVersion, versionNumbers } from "./open-version.ts";
import { closePacks, openPacks, type PackFile } from "./pack-file.ts";
import { PackWriter } from "./pack-writer.ts";
import { Packer } from "./packer.ts";
import type { CommitOptions, CommitResult, KnownContent } from "./store.ts";
import { packOfFileName, packPathOf, treeIndexPathOf } from "./store-paths.ts";
import { StoredNowTable } from "./stored-now.ts";
import { indexedVersion, readTreeIndex, seenMark, writeTreeIndex } from "./tree-index.ts";
import { tableOf } from "./version-members.ts";

export interface TreeTask {
  readonly image: ImageName;
  readonly tree: string;
  readonly work: string;
  readonly options: Pick<CommitOptions, "known" | "onStored" | "signal" | "onProgress">;
}

export interface TreePass {
  readonly plan: CommitPlan;
  readonly packer: Packer;
  /** When the tree was listed: Unix time in milliseconds. */
  readonly scanned: number;
  readonly entries: CommittedTree;
  /** True where an entry is new, gone, or not what it was. */
  readonly changed: boolean;
  readonly read: CommitResult["read"];
}

/** Where the new pack is gathered. */
export function packFileIn(work: string): string {
  return `${work}/pack`;
}

/** Compares the tree with `previous` and stores what is new in the work folder; `use` says what becomes of it. */
export async function withTreePass<T>(
  context: StoreContext,
  task: TreeTask & { readonly previous: OpenVersion | undefined },
  use: (pass: TreePass) => Promise<T>,
): Promise<T> {
  const { options, previous } = task;
  const packs = await openAllPacks(context);
  let directoryOf: (path: RelPath) => FileEntry | undefined = () => undefined;
  const packer = new Packer({
    directoryOf: (path) => directoryOf(path),
    packs,
    used: previous?.manifest.packs ?? [],
    writer: () =>
      PackWriter.create(packFileIn(task.work), {
        level: context.level,
        concurrency: context.concurrency,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }),
  });
  try {
    const scanned = context.clock.now();
    options.onProgress?.({ phase: "list" });
    const plan = await planTree(context, task);
    const stored = new StoredNowTable(plan.listed);
    directoryOf = (path) => directoryIn(plan, stored, path);
    const known = await knownOf(context, { ...task, plan });
    const read = await storeChanged(plan, {
      packer,
      stored,
      task: { ...task, options: { ...options, known } },
    });
    const { directories } = packer;
    const digestOf = (place: MemberId) => packer.digestOf(place);
    const entries = new CommittedTree({ plan, stored, directories, digestOf });
    return await use({ plan, packer, scanned, entries, changed: entries.changed, read });
  } finally {
    await packer.close();
    await closePacks(packs);
  }
}

/** A directory that is stored or stands as it was, complete. */
function directoryIn(plan: CommitPlan, stored: StoredNowTable, path: RelPath): FileEntry | undefined {
  const at = plan.listed.indexOf(path);
  if (at >= 0 && stored.has(at)) {
    return stored.entryAt(at);
  }
  const before =
    at >= 0 && plan.unchanged.has(at) ? plan.version?.storedAt(plan.before[at] ?? -1) : undefined;
  return before?.entry.kind === "directory" ? before.entry : undefined;
}

/** Every pack of the store: content that any version of any image has is not stored again. */
async function openAllPacks(context: StoreContext): Promise<readonly PackFile[]> {
  const ids = (await namesIn(context.paths.packs))
    .map(packOfFileName)
    .filter((id) => id !== undefined)
    .sort((a, b) => (a < b ? -1 : 1));
  return openPacks(ids, { fileOf: (id) => packPathOf(context.paths, id), indexes: context.indexes });
}

/** Lists the tree and says which entries are known to be those of `previous`. */
export async function planTree(
  context: StoreContext,
  task: TreeTask & { readonly previous: OpenVersion | undefined },
): Promise<CommitPlan> {
  const { options } = task;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const listed = await scanTable(task.tree, { oneFileSystem: true, ...signal });
  return compareTree(context, { listed, task });
}

async function compareTree(
  context: StoreContext,
  tree: {
    readonly listed: EntryTable;
    readonly task: TreeTask & { readonly previous: OpenVersion | undefined };
  },
): Promise<CommitPlan> {
  const { listed, task } = tree;
  const { previous, options } = task;
  if (previous === undefined) {
    return planCommit(listed, undefined, () => false);
  }
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const version = await tableOf(previous, { over: true, ...signal });
  const seen = await readTreeIndex(treeIndexPathOf(context.paths, task.image), previous.manifest);
  return planCommit(listed, version, (place, before) => seen?.isAt(before, seenMark(listed, place)) === true);
}

/**
 * The version that the tree was last known to be: that of the tree index, as long as it is there (a rollback makes it an older
 * one), else the newest. Undefined where there is no version.
 */
export async function openTreeVersion(
  context: StoreContext,
  image: ImageName,
): Promise<OpenVersion | undefined> {
  const { paths } = context;
  const numbers = await versionNumbers(paths, image);
  const seen = await indexedVersion(treeIndexPathOf(paths, image));
  if (seen?.image === image && numbers.includes(seen.number)) {
    const version = await openVersion(context, { image, number: seen.number });
    if (version.manifest.created === seen.created) {
      return version;
    }
    await version.close();
  }
  const number = numbers.at(-1);
  return number === undefined ? undefined : openVersion(context, { image, number });
}

/** What is known of entries beyond what the caller knows: after a rollback, the tree is another version than the newest. */
async function knownOf(
  context: StoreContext,
  task: TreeTask & { readonly previous: OpenVersion | undefined; readonly plan: CommitPlan },
): Promise<(entry: FileEntry) => KnownContent | undefined> {
  const asked = task.options.known;
  const at = await openTreeVersion(context, task.image);
  try {
    if (at === undefined || at.manifest.number === task.previous?.manifest.number) {
      return (entry) => asked?.(entry);
    }
    const { listed } = task.plan;
    const { version, unchanged, before } = await compareTree(context, {
      listed,
      task: { ...task, previous: at },
    });
    return (entry) => {
      const place = listed.indexOf(entry.path);
      if (version === undefined || !unchanged.has(place)) {
        return asked?.(entry);
      }
      const known = version.entryAt(before[place] ?? -1);
      const digest = known.kind === "file" && known.digest !== undefined ? { digest: known.digest } : {};
      return { extended: known.extended ?? [], ...digest };
    };
  } finally {
    await at?.close();
  }
}

/** Remembers that the tree is what `manifest` says. */
export async function rememberTree(
  context: StoreContext,
  seen: Seen & { readonly manifest: Manifest },
): Promise<void> {
  await mkdir(context.paths.versions, { recursive: true });
  await writeSeen(treeIndexPathOf(context.paths, seen.task.image), seen);
}

interface Seen {
  readonly task: Pick<TreeTask, "image" | "work">;
  readonly pass: Pick<TreePass, "plan" | "scanned">;
}

/** Writes the tree index of `manifest` to `file`. */
export async function writeSeen(file: string, seen: Seen & { readonly manifest: Manifest }): Promise<void> {
  await writeTreeIndex(file, {
    manifest: seen.manifest,
    listed: seen.pass.plan.listed,
    scanned: seen.pass.scanned,
    temporary: `${seen.task.work}/tree-index`,
  });
}
