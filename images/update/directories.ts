/** What an update owes to directories beside their entries: times that it disturbs itself, attributes that tar does not take away. */
import { isWithin, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, FileEntryDirectory, Timestamp } from "../entry.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { SyncAction } from "../sync/actions.ts";
import { flagsKey } from "../sync/flags.ts";
import type { NodeListing } from "./node-listing.ts";

/** A directory whose time the update disturbs, with the time that it gets back. */
export interface DirectoryTime {
  readonly path: RelPath;
  readonly mtime: Timestamp;
  /** The directory as it stands, where nothing but its time is to be set. */
  readonly standing?: FileEntryDirectory;
}

export function directoryTimes(
  actions: Iterable<SyncAction>,
  context: {
    readonly wanted: VersionTable;
    readonly node: NodeListing;
    readonly mounts: readonly RelPath[];
    readonly within: RelPath;
    readonly kept: (entry: FileEntry) => FileEntry;
  },
): readonly DirectoryTime[] {
  const set = new Set<RelPath>();
  // Where the node notes what it was brought to.
  const touched = new Set<RelPath>([...context.mounts, "etc/systemimager" as RelPath]);
  for (const action of actions) {
    const path = action.kind === "delete" ? action.path : action.entry.path;
    if (action.kind !== "metadata") {
      touched.add(parentPath(path));
    }
    if (action.kind !== "delete" && action.entry.kind === "directory") {
      set.add(path);
      touched.add(path);
    }
  }
  return [...touched]
    .filter((path) => isWithin(path, context.within))
    .sort((a, b) => (a < b ? -1 : 1))
    .flatMap((path) => {
      const entry = context.wanted.find(path);
      if (entry?.kind !== "directory") {
        return [];
      }
      const standing = set.has(path) ? undefined : context.node.find(path)?.entry;
      const { mtime } = context.kept(entry);
      return [standing?.kind === "directory" ? { path, mtime, standing } : { path, mtime }];
    });
}

/** Extended attributes that a directory of the node has and the version's has not. */
export function* strippedOf(
  actions: Iterable<SyncAction>,
  context: { readonly node: NodeListing; readonly kept: (entry: FileEntry) => FileEntry },
): Generator<{ readonly path: RelPath; readonly name: string }> {
  for (const action of actions) {
    if (action.kind !== "write" || action.entry.kind !== "directory") {
      continue;
    }
    const { path, extended } = action.entry;
    const wanted = new Set((extended ?? []).map(([key]) => key));
    const standing = context.node.find(path)?.entry;
    for (const [key] of standing === undefined ? [] : (context.kept(standing).extended ?? [])) {
      if (!wanted.has(key) && key !== flagsKey) {
        yield { path, name: key.replace(/^SCHILY\.xattr\./, "") };
      }
    }
  }
}

/** The time of a directory like /tmp moves whenever anybody makes a file there. */
export function isTimeOfScratch(action: SyncAction): boolean {
  if (action.kind === "delete") {
    return false;
  }
  const { entry } = action;
  return (
    entry.kind === "directory" &&
    (entry.mode & 0o1002) === 0o1002 &&
    action.changes.every((change) => change === "mtime")
  );
}
