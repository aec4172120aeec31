/** What an update puts in the place of something of another type, and where it must not. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { ListedEntry } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { NodeListing } from "./node-listing.ts";

export interface TypeChanges {
  /** What stands on the node and changes between a directory and something else, parents only. */
  readonly replaced: readonly RelPath[];
  /** Directories that come with all that is in them where something else stands, parents first. */
  readonly staged: readonly RelPath[];
  /** Directories that stay, because they hold what must not be deleted. */
  readonly blocked: ReadonlySet<RelPath>;
}

export interface TypeChangeContext {
  readonly node: NodeListing;
  readonly mounts: readonly RelPath[];
  readonly keepsExtraneous: boolean;
  /** Whether rules keep an entry of the node. */
  readonly isKept: (path: RelPath, directory: boolean) => boolean;
}

/** Looks through the planned writes, which come by path. */
export function typeChanges(planned: Iterable<SyncAction>, context: TypeChangeContext): TypeChanges {
  const { node, mounts, keepsExtraneous, isKept } = context;
  let held: ReadonlySet<RelPath> | undefined;
  const isHeld = (path: RelPath) => {
    held ??= heldDirectories(node, isKept);
    return held.has(path);
  };
  const blocked = new Set<RelPath>();
  const replaced: RelPath[] = [];
  const staged = new Set<RelPath>();
  for (const action of planned) {
    if (action.kind !== "write") {
      continue;
    }
    const { path } = action.entry;
    const standing = node.find(path);
    if (action.entry.kind !== "directory") {
      const isBlocked = isDirectory(standing) && (keepsExtraneous || mounts.includes(path) || isHeld(path));
      if (isBlocked) {
        blocked.add(path);
      } else if (isDirectory(standing)) {
        replaced.push(path);
      }
    } else if (staged.has(parentPath(path))) {
      staged.add(path);
    } else if (standing !== undefined && !isDirectory(standing)) {
      staged.add(path);
      replaced.push(path);
    }
  }
  return { replaced, staged: [...staged], blocked };
}

/** Directories of the node that hold something excluded. */
function heldDirectories(
  node: NodeListing,
  excluded: (path: RelPath, directory: boolean) => boolean,
): ReadonlySet<RelPath> {
  const held = new Set<RelPath>();
  const { rows } = node.table;
  for (let place = 0; place < node.length; place++) {
    const row = node.table.rowAt(place);
    const path = rows.pathAt(row);
    if (excluded(path, rows.isDirectory(row))) {
      for (let parent = parentPath(path); parent !== "" && !held.has(parent); parent = parentPath(parent)) {
        held.add(parent);
      }
    }
  }
  return held;
}

function isDirectory(listed: ListedEntry | undefined): boolean {
  return listed?.entry.kind === "directory";
}
