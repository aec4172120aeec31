/** Finds what two tables have in common by their columns alone: no path is made a string, no entry an object. */
import type { EntryTable } from "./entry-table.ts";

/** For each place of `table` the place of the same path in `other`, or -1. */
export function placesIn(other: EntryTable, table: EntryTable): Int32Array {
  const places = new Int32Array(table.length).fill(-1);
  const directories = new DirectoryPairs(table, other);
  let at = 0;
  for (let place = 0; place < table.length && at < other.length; ) {
    const [row, otherRow] = [table.rowAt(place), other.rowAt(at)];
    if (directories.samePath(row, otherRow)) {
      places[place] = at;
      place += 1;
      at += 1;
    } else if (table.rows.pathAt(row) < other.rows.pathAt(otherRow)) {
      place += 1;
    } else {
      at += 1;
    }
  }
  return places;
}

/** For each place of either table, 1 where its entry is left out of the plan. */
export interface SamePairs {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/**
 * Entries that are the same on both sides for sure: most of them, in most plans. Such a pair needs no action and changes no other's, as
 * long as it shares no inode (names of one inode are planned together), is no directory that rules leave out (it keeps what is in it), and
 * rules mean the same on both sides (a rule of one side could delete what both have). `differs` is asked what columns do not show.
 */
export function samePairs(
  source: EntryTable,
  target: EntryTable,
  differs: (source: number, target: number) => boolean,
): SamePairs {
  const same = { source: new Uint8Array(source.length), target: new Uint8Array(target.length) };
  for (const [place, at] of placesIn(target, source).entries()) {
    if (at >= 0) {
      const [row, other] = [source.rowAt(place), target.rowAt(at)];
      if (
        source.rows.sameFacts(row, target.rows, other) &&
        !source.rows.isLinked(row) &&
        !target.rows.isLinked(other) &&
        !differs(place, at)
      ) {
        same.source[place] = 1;
        same.target[at] = 1;
      }
    }
  }
  return same;
}

/** Which directory of one table is which of the other: told by path once for each, then by number. */
class DirectoryPairs {
  readonly #rows: EntryTable["rows"];
  readonly #others: EntryTable["rows"];
  /** By number in the first: the number in the other plus two, 1 for none, 0 for not yet asked. */
  readonly #pairs: Uint32Array;

  constructor(table: EntryTable, other: EntryTable) {
    this.#rows = table.rows;
    this.#others = other.rows;
    this.#pairs = new Uint32Array(table.rows.directoryCount);
  }

  samePath(row: number, other: number): boolean {
    const directory = this.#rows.directoryOf(row);
    let pair = this.#pairs[directory] as number;
    if (pair === 0) {
      pair = this.#others.directoryOfPath(this.#rows.directoryPath(directory)) + 2;
      this.#pairs[directory] = pair;
    }
    return pair - 2 === this.#others.directoryOf(other) && this.#rows.sameName(row, this.#others, other);
  }
}
