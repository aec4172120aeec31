/**
 * Hard links as groups of names. The same inode may be named inside and outside of what an operation selects, so groups are
 * made again from the selected names: their bytewise first is the leader, which carries the content.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";

/** Names of one inode in one tree. */
export interface LinkGroup {
  /** The entry that carries kind, size and digest, at the path the list gave it. */
  readonly leader: FileEntry;
  /** All names of the list that belong to it and are selected, in byte order. */
  readonly names: readonly RelPath[];
}

/** Finds the groups of a list (only inodes with more than one listed name), by every name in them. */
export function linkGroups(
  entries: Iterable<FileEntry>,
  isSelected: (entry: FileEntry) => boolean,
): ReadonlyMap<RelPath, LinkGroup> {
  const namesOf = new Map<RelPath, RelPath[]>();
  const unselected = new Set<RelPath>();
  for (const entry of entries) {
    if (entry.kind === "hardlink") {
      const names = namesOf.get(entry.target) ?? [];
      namesOf.set(entry.target, names);
      if (isSelected(entry)) {
        names.push(entry.path);
      }
    }
  }
  const groups = new Map<RelPath, LinkGroup>();
  if (namesOf.size === 0) {
    return groups;
  }
  for (const entry of entries) {
    const names = entry.kind === "hardlink" ? undefined : namesOf.get(entry.path);
    if (names === undefined) {
      continue;
    }
    if (isSelected(entry)) {
      names.unshift(entry.path);
    } else {
      unselected.add(entry.path);
    }
    const group: LinkGroup = { leader: entry, names };
    groups.set(entry.path, group);
    for (const name of names) {
      groups.set(name, group);
    }
  }
  for (const path of unselected) {
    const group = groups.get(path);
    if (group !== undefined && !group.names.includes(path)) {
      groups.delete(path);
    }
  }
  return groups;
}

/** The entry as it is when it stands alone: a hard link becomes what its leader is, at its own path. */
export function resolved(entry: FileEntry, groups: ReadonlyMap<RelPath, LinkGroup>): FileEntry {
  if (entry.kind !== "hardlink") {
    return entry;
  }
  const leader = groups.get(entry.path)?.leader;
  return leader === undefined || leader.kind === "hardlink" ? entry : { ...leader, path: entry.path };
}
