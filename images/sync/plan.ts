/** What must be done so that a target tree becomes the source tree, as a streaming merge of two sorted lists. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { Change, PlanSummary, Selection, SyncAction } from "./actions.ts";
import { changesBetween } from "./compare.ts";
import { type LinkGroup, linkGroups, resolved } from "./hard-links.ts";

export interface SyncPlanOptions {
  /** Delete what the source does not have. */
  readonly deleteExtraneous: boolean;
  /** Compare content by digest only: a file without a digest on one side is written again. */
  readonly checksum?: boolean;
  /** Entries that must be read again although nothing visible differs (their ctime moved: an xattr may have changed). */
  readonly recheck?: (source: FileEntry, target: FileEntry) => boolean;
  /** Directories whose content the target's list does not show, because all of it is excluded: they are not deleted. */
  readonly unseen?: ReadonlySet<RelPath>;
}

export interface SyncPlanInput {
  /** Sorted bytewise by path. Iterated twice: an array, or anything that can be iterated again. */
  readonly source: Iterable<FileEntry>;
  readonly target: Iterable<FileEntry>;
  readonly selection?: Selection;
  readonly options: SyncPlanOptions;
}

/**
 * Plans in this order: writes and metadata by path, then deletions, children before parents. Excluded paths are neither
 * written nor deleted, and directories that hold one (as far as the target list shows it) are not deleted.
 */
export function* planSync(input: SyncPlanInput): Generator<SyncAction> {
  const { selection } = input;
  const isSelected = (entry: FileEntry) =>
    selection === undefined || !selection.excludes(entry.path, entry.kind === "directory");
  const isProtected = (entry: FileEntry) =>
    selection?.protects(entry.path, entry.kind === "directory", planner.goes(parentPath(entry.path))) ===
    true;
  const planner = new Planner(input.options, {
    source: linkGroups(input.source, isSelected),
    target: linkGroups(input.target, isSelected),
  });
  const targets = input.target[Symbol.iterator]();
  let next = targets.next();
  for (const entry of input.source) {
    if (!isSelected(entry)) {
      continue;
    }
    while (next.done !== true && next.value.path < entry.path) {
      planner.extraneous(next.value, isProtected(next.value));
      next = targets.next();
    }
    let target: FileEntry | undefined;
    if (next.done !== true && next.value.path === entry.path) {
      target = next.value;
      next = targets.next();
      // A rule for directories only may leave out the source's directory and not the target's file, or the reverse.
      if (!isSelected(target)) {
        planner.extraneous(target, true);
        continue;
      }
    }
    const action = planner.entry(entry, target);
    if (action !== undefined) {
      yield action;
    }
  }
  for (; next.done !== true; next = targets.next()) {
    planner.extraneous(next.value, isProtected(next.value));
  }
  if (input.options.deleteExtraneous) {
    yield* planner.deletions();
  }
}

interface Groups {
  readonly source: ReadonlyMap<RelPath, LinkGroup>;
  readonly target: ReadonlyMap<RelPath, LinkGroup>;
}

/** What is kept of the merge: little for each changed path, nothing for the rest. */
class Planner {
  readonly #options: SyncPlanOptions;
  readonly #groups: Groups;
  readonly #extraneous: { readonly path: RelPath; readonly directory: boolean }[] = [];
  readonly #going = new Set<RelPath>();
  /** Directories that the source does not have and that stay. */
  readonly #staying = new Set<RelPath>();
  /** Directories that hold something excluded. */
  readonly #held = new Set<RelPath>();
  /** For each source group that was met: the target group it goes on with, or undefined where its leader was written. */
  readonly #continued = new Map<LinkGroup, LinkGroup | undefined>();
  /** Target groups that a source entry goes on with: nobody else may. */
  readonly #claimed = new Set<LinkGroup>();

  constructor(options: SyncPlanOptions, groups: Groups) {
    this.#options = options;
    this.#groups = groups;
  }

  /** Whether a directory of the target is one that the source does not have. */
  goes(directory: RelPath): boolean {
    return this.#going.has(directory);
  }

  extraneous(entry: FileEntry, protectedItself: boolean): void {
    const directory = entry.kind === "directory";
    const isProtected = protectedItself || this.#staying.has(parentPath(entry.path));
    if (isProtected && directory) {
      this.#staying.add(entry.path);
    }
    if (!isProtected && !(directory && this.#options.unseen?.has(entry.path) === true)) {
      this.#extraneous.push({ path: entry.path, directory });
      if (directory) {
        this.#going.add(entry.path);
      }
      return;
    }
    let parent = parentPath(entry.path);
    while (parent !== "" && !this.#held.has(parent)) {
      this.#held.add(parent);
      parent = parentPath(parent);
    }
  }

  *deletions(): Generator<SyncAction> {
    for (let i = this.#extraneous.length - 1; i >= 0; i--) {
      const { path, directory } = this.#extraneous[i] as { path: RelPath; directory: boolean };
      if (!this.#held.has(path)) {
        yield { kind: "delete", path, directory };
      }
    }
  }

  entry(listed: FileEntry, target: FileEntry | undefined): SyncAction | undefined {
    const group = this.#groups.source.get(listed.path);
    if (group !== undefined && group.names.length > 1) {
      return this.#linked(resolved(listed, this.#groups.source), target, group);
    }
    const source = resolved(listed, this.#groups.source);
    const targetGroup = target === undefined ? undefined : this.#groups.target.get(target.path);
    if (target !== undefined && targetGroup !== undefined && this.#claimed.has(targetGroup)) {
      return { kind: "write", entry: source, changes: ["hard-links"] };
    }
    const action = this.#compared(source, target);
    if (targetGroup !== undefined && action?.kind !== "write") {
      this.#claimed.add(targetGroup);
    }
    return action;
  }

  /** A name of a source inode that has several selected names. */
  #linked(source: FileEntry, target: FileEntry | undefined, group: LinkGroup): SyncAction | undefined {
    const leader = group.names[0] as RelPath;
    const targetGroup = target === undefined ? undefined : this.#groups.target.get(target.path);
    if (source.path === leader) {
      const taken = targetGroup !== undefined && this.#claimed.has(targetGroup);
      const action: SyncAction | undefined = taken
        ? { kind: "write", entry: source, changes: ["hard-links"] }
        : this.#compared(source, target);
      const goesOn = action?.kind === "write" ? undefined : targetGroup;
      this.#continued.set(group, goesOn);
      if (goesOn !== undefined) {
        this.#claimed.add(goesOn);
      }
      return action;
    }
    const goesOn = this.#continued.get(group);
    if (target !== undefined && goesOn !== undefined && targetGroup === goesOn) {
      return undefined;
    }
    const changes: readonly Change[] =
      target === undefined
        ? ["missing"]
        : target.kind === "directory" || resolved(target, this.#groups.target).kind !== source.kind
          ? ["type"]
          : ["hard-links"];
    return { kind: "write", entry: linkTo(source, leader), changes };
  }

  #compared(source: FileEntry, target: FileEntry | undefined): SyncAction | undefined {
    if (target === undefined) {
      return { kind: "write", entry: source, changes: ["missing"] };
    }
    const standing = resolved(target, this.#groups.target);
    const changes = changesBetween(source, standing, this.#options);
    if (this.#options.recheck?.(source, standing) === true && !changes.includes("type")) {
      const all: readonly Change[] = changes.includes("extended") ? changes : [...changes, "extended"];
      return { kind: "write", entry: source, changes: all };
    }
    if (changes.length === 0) {
      return undefined;
    }
    return { kind: mustWrite(source, standing, changes) ? "write" : "metadata", entry: source, changes };
  }
}

/** Owner and mode can be set on what stands; but setting them drops capabilities and bends ACLs, so what has such is written anew. */
function mustWrite(source: FileEntry, target: FileEntry, changes: readonly Change[]): boolean {
  if (
    changes.some(
      (change) => change !== "mtime" && change !== "mode" && change !== "owner" && change !== "group",
    )
  ) {
    return true;
  }
  // Of anything but a file the whole costs no more than the metadata, and brings xattrs that no listing shows.
  if (source.kind !== "file" && source.extended === undefined) {
    return true;
  }
  const hasExtended = (source.extended?.length ?? 0) > 0 || (target.extended?.length ?? 0) > 0;
  return hasExtended && changes.some((change) => change !== "mtime");
}

function linkTo(entry: FileEntry, target: RelPath): FileEntry {
  const { path, mode, uid, gid, mtime, extended } = entry;
  const metadata = { path, mode, uid, gid, mtime };
  return extended === undefined
    ? { kind: "hardlink", ...metadata, target }
    : { kind: "hardlink", ...metadata, extended, target };
}

/** Counts a plan's actions and the content bytes that must be sent. */
export function summarise(actions: Iterable<SyncAction>): PlanSummary {
  const counts = { write: 0, metadata: 0, delete: 0, bytes: 0 };
  for (const action of actions) {
    counts[action.kind] += 1;
    if (action.kind === "write" && action.entry.kind === "file") {
      counts.bytes += action.entry.size;
    }
  }
  return counts;
}

/** True for writes whose entry is a member of the tar stream: all but hard links (made by the executor) and sockets. */
export function isStreamed(action: SyncAction): boolean {
  return action.kind === "write" && action.entry.kind !== "hardlink" && action.entry.kind !== "socket";
}
