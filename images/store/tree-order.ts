/**
 * The order of members in an archive: a directory, then all that is in it, then its next sibling. Bytewise path order is
 * not that (`a`, `a-b`, `a/c`), and GNU tar sets a directory's times when the first member outside of it comes.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { PlaceSet } from "../sync/columns.ts";
import type { EntryTable } from "../sync/entry-table.ts";

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

/** The places of a whole listing in the order of {@link archiveOrder}, without comparing paths. */
export function archivePlaces(table: EntryTable): Uint32Array {
  const early = earlyTargets(table);
  const order = new Uint32Array(table.length);
  let [first, next] = [0, early.size];
  for (const place of treePlaces(table)) {
    order[early.has(place) ? first++ : next++] = place;
  }
  return order;
}

function earlyTargets(table: EntryTable): PlaceSet {
  const early = new PlaceSet(table.length);
  for (let place = 0; place < table.length; place++) {
    const entry = table.rows.isFurtherName(table.rowAt(place)) ? table.entryAt(place) : undefined;
    if (entry?.kind === "hardlink" && compareTreeOrder(entry.path, entry.target) < 0) {
      early.add(table.indexOf(entry.target));
    }
  }
  return early;
}

/** In path order, what is directly in one directory comes by name, so it need only be gathered. */
function* treePlaces(table: EntryTable): Generator<number> {
  const { rows } = table;
  const count = rows.directoryCount;
  const ends = new Uint32Array(count + 1);
  const add = (directory: number, by: number) => {
    ends[directory] = (ends[directory] as number) + by;
  };
  for (let place = 0; place < table.length; place++) {
    add(rows.directoryOf(table.rowAt(place)) + 1, 1);
  }
  for (let directory = 1; directory <= count; directory++) {
    add(directory, ends[directory - 1] as number);
  }
  const starts = ends.slice();
  const gathered = new Uint32Array(table.length);
  for (let place = 0; place < table.length; place++) {
    const directory = rows.directoryOf(table.rowAt(place));
    gathered[ends[directory] as number] = place;
    add(directory, 1);
  }
  // The directories that are being told, the innermost last; where each goes on.
  const open = [0];
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    const at = starts[directory] as number;
    if (at === (ends[directory] as number)) {
      open.pop();
      continue;
    }
    starts[directory] = at + 1;
    const place = gathered[at] as number;
    yield place;
    const own = rows.ownDirectory(table.rowAt(place));
    // The root is an entry of itself; it was begun with.
    if (own !== undefined && own !== 0) {
      open.push(own);
    }
  }
}
