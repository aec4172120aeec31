/**
 * The order of members in an archive: a directory, then all that is in it, then its next sibling. Bytewise path order is
 * not that (`a`, `a-b`, `a/c`), and GNU tar sets a directory's times when the first member outside of it comes.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";

/** Compares as paths whose slash sorts before every other byte. */
export function compareTreeOrder(a: RelPath, b: RelPath): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      return x === 0x2f ? -1 : y === 0x2f ? 1 : x - y;
    }
  }
  return a.length - b.length;
}

/**
 * Sorts for an archive: first the files that some hard link would come before in tree order (a link's target is the
 * bytewise first of its names), then everything else in tree order.
 */
export function archiveOrder<T>(items: readonly T[], entryOf: (item: T) => FileEntry): readonly T[] {
  const early = new Set<RelPath>();
  for (const item of items) {
    const entry = entryOf(item);
    if (entry.kind === "hardlink" && compareTreeOrder(entry.path, entry.target) < 0) {
      early.add(entry.target);
    }
  }
  const sorted = [...items].sort((a, b) => compareTreeOrder(entryOf(a).path, entryOf(b).path));
  if (early.size === 0) {
    return sorted;
  }
  const isEarly = (item: T): boolean => early.has(entryOf(item).path);
  return [...sorted.filter(isEarly), ...sorted.filter((item) => !isEarly(item))];
}
