/**
 * One look at a tree against a version: what changed is read through tar into one new pack in the work folder. Commit
 * publishes it; a rollback only wants to know whether anything changed, and throws it away.
 */
import { mkdir } from "node:fs/promises";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import type { ImageName, Manifest } from "../manifest.ts";
import { scanTree } from "../tree/scan.ts";
import { type StoredNow, storeChanged } from "./changed-members.ts";
import { type CommitPlan, planCommit, sameEntry, supersededBy } from "./commit-plan.ts";
import type { StoreContext } from "./context.ts";
import { namesIn } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import {
  entryWithDigest,
  type OpenVersion,
  openVersion,
  storedEntries,
  versionNumbers,
} from "./open-version.ts";
import { closePacks, openPacks, type PackFile } from "./pack-file.ts";
import { PackWriter } from "./pack-writer.ts";
import { Packer } from "./packer.ts";
import type { CommitOptions, CommitResult, KnownContent } from "./store.ts";
import { packOfFileName, packPathOf, treeIndexPathOf } from "./store-paths.ts";
import { indexedVersion, readTreeIndex, seenMark, writeTreeIndex } from "./tree-index.ts";
import { archiveOrder } from "./tree-order.ts";

export interface TreeTask {
  readonly image: ImageName;
  readonly tree: string;
  readonly work: string;
  readonly options: Pick<CommitOptions, "known" | "onStored" | "signal" | "onProgress">;
}

export interface TreePass extends StoredTree {
  readonly plan: CommitPlan;
  readonly packer: Packer;
  /** When the tree was listed: Unix time in milliseconds. */
  readonly scanned: number;
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
  const storedNow = new Map<RelPath, StoredNow>();
  const unchangedDirectories = new Map<RelPath, FileEntry>();
  const packer = new Packer({
    directoryOf: (path) => storedNow.get(path)?.entry ?? unchangedDirectories.get(path),
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
    plan.pending.forEach(({ listed, before, unchanged }) => {
      if (unchanged && before?.entry.kind === "directory") {
        unchangedDirectories.set(listed.entry.path, before.entry);
      }
    });
    const known = await knownOf(context, { ...task, plan });
    const stored = await storeEntries(plan, {
      packer,
      task: { ...task, options: { ...options, known } },
      previous,
      stored: storedNow,
    });
    return await use({ ...stored, changed: stored.changed || plan.removed > 0, plan, packer, scanned });
  } finally {
    await packer.close();
    await closePacks(packs);
  }
}

/** Every pack of the store: content that any version of any image has is not stored again. */
async function openAllPacks(context: StoreContext): Promise<readonly PackFile[]> {
  const ids = (await namesIn(context.paths.packs))
    .map(packOfFileName)
    .filter((id) => id !== undefined)
    .sort((a, b) => (a < b ? -1 : 1));
  return openPacks(ids, (id) => packPathOf(context.paths, id));
}

/** Lists the tree and says which entries are known to be those of `previous`. */
export async function planTree(
  context: StoreContext,
  task: TreeTask & { readonly previous: OpenVersion | undefined },
): Promise<CommitPlan> {
  const { options } = task;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const listed = await scanTree(task.tree, { oneFileSystem: true, ...signal });
  return compareTree(context, { listed, task });
}

async function compareTree(
  context: StoreContext,
  tree: {
    readonly listed: readonly ListedEntry[];
    readonly task: TreeTask & { readonly previous: OpenVersion | undefined };
  },
): Promise<CommitPlan> {
  const { listed, task } = tree;
  const { previous, options } = task;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const entries: StoredEntry[] = [];
  let seen: readonly string[] | undefined;
  if (previous !== undefined) {
    for await (const batch of storedEntries(previous, signal)) {
      entries.push(...batch);
    }
    seen = await readTreeIndex(treeIndexPathOf(context.paths, task.image), previous.manifest);
  }
  return planCommit(listed, { entries, seen, mark: seenMark });
}

export interface StoredTree {
  readonly entries: readonly StoredEntry[];
  /** True where an entry is new, gone, or not what it was. */
  readonly changed: boolean;
  readonly read: CommitResult["read"];
}

async function storeEntries(
  plan: CommitPlan,
  using: {
    readonly packer: Packer;
    readonly task: TreeTask;
    readonly previous: OpenVersion | undefined;
    readonly stored: Map<RelPath, StoredNow>;
  },
): Promise<StoredTree> {
  const { packer, previous, stored } = using;
  const read = await storeChanged(
    archiveOrder(plan.pending, (pending) => pending.listed.entry),
    using,
  );
  const entries: StoredEntry[] = [];
  let changed = false;
  for (const { listed, before } of plan.pending) {
    const now = stored.get(listed.entry.path);
    const again = packer.directories.get(listed.entry.path);
    if (now === undefined && again === undefined) {
      entries.push(before as StoredEntry);
      continue;
    }
    const entry = now?.entry ?? (before as StoredEntry).entry;
    const place = again ?? now?.place;
    const after = { entry: withoutDigest(entry), place };
    entries.push({
      entry: after.entry,
      over: supersededBy(after, before),
      ...(place === undefined ? {} : { place }),
    });
    changed ||=
      before === undefined || previous === undefined || !sameEntry(entry, entryWithDigest(before, previous));
  }
  return { entries, changed, read };
}

/** A manifest's entry says where the content is; its digest is there. */
function withoutDigest(entry: FileEntry): FileEntry {
  if (entry.kind !== "file" || entry.digest === undefined) {
    return entry;
  }
  const { digest: _, ...bare } = entry;
  return bare;
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
    const version = await openVersion(paths, { image, number: seen.number });
    if (version.manifest.created === seen.created) {
      return version;
    }
    await version.close();
  }
  const number = numbers.at(-1);
  return number === undefined ? undefined : openVersion(paths, { image, number });
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
    const found = new Map<RelPath, KnownContent>();
    const listed = task.plan.pending.map((pending) => pending.listed);
    const plan = await compareTree(context, { listed, task: { ...task, previous: at } });
    for (const { listed: item, before, unchanged } of plan.pending) {
      if (unchanged && before !== undefined) {
        const entry = entryWithDigest(before, at);
        const digest = entry.kind === "file" && entry.digest !== undefined ? { digest: entry.digest } : {};
        found.set(item.entry.path, { extended: entry.extended ?? [], ...digest });
      }
    }
    return (entry) => found.get(entry.path) ?? asked?.(entry);
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
    listed: seen.pass.plan.pending.map((pending) => pending.listed),
    scanned: seen.pass.scanned,
    temporary: `${seen.task.work}/tree-index`,
  });
}
