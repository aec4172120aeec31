/** The filesystems of a node, and what cannot be one file across them. */
import { isWithin, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { VersionTable } from "../store/version-table.ts";
import type { EntryTable } from "../sync/entry-table.ts";

/** Directories that lie on another filesystem than their parent; the root comes first. */
export function mountPoints(table: EntryTable): readonly RelPath[] {
  const { rows } = table;
  const mounts: RelPath[] = [rootPath];
  for (let place = 0; place < table.length; place++) {
    const row = table.rowAt(place);
    const above = rows.isDirectory(row) ? rows.rowOfDirectory(rows.directoryOf(row)) : row;
    if (above >= 0 && above !== row && !rows.sameDevice(row, above)) {
      mounts.push(rows.pathAt(row));
    }
  }
  return mounts;
}

/** The mount point that a path lies on. */
export function mountOf(path: RelPath, mounts: readonly RelPath[]): RelPath {
  let best = "" as RelPath;
  for (const mount of mounts) {
    if (mount.length > best.length && isWithin(path, mount) && path !== mount) {
      best = mount;
    }
  }
  return best;
}

/** Names that share an inode in the image but lie on different filesystems of the node become files of their own. */
export function copiedLinks(
  wanted: VersionTable,
  place: { readonly mounts: readonly RelPath[]; readonly within: RelPath },
): ReadonlyMap<RelPath, CopiedFile> {
  const { mounts, within } = place;
  const copies = new Map<RelPath, CopiedFile>();
  for (let at = 0; mounts.length > 1 && at < wanted.length; at++) {
    const entry = wanted.table.rows.isLinked(wanted.table.rowAt(at)) ? wanted.entryAt(at) : undefined;
    const leader =
      entry?.kind === "hardlink" && isWithin(entry.path, within) && isWithin(entry.target, within)
        ? wanted.find(entry.target)
        : undefined;
    if (
      entry !== undefined &&
      leader?.kind === "file" &&
      mountOf(entry.path, mounts) !== mountOf(leader.path, mounts)
    ) {
      copies.set(entry.path, { file: { ...leader, path: entry.path }, of: leader.path });
    }
  }
  return copies;
}

interface CopiedFile {
  readonly file: FileEntry;
  /** The name that has the content. */
  readonly of: RelPath;
}
