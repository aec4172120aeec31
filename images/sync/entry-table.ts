/**
 * A listing as a table: about a hundred bytes an entry where objects take four times that, and nothing for the garbage
 * collector to walk. Directories' paths are kept once; an entry has its directory's number and its own name. Entries are made
 * when they are asked for and are garbage soon after.
 */
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import { EntryRows } from "./entry-rows.ts";
import type { ListingProblem } from "./listing.ts";
import { treeOrder } from "./tree-order.ts";

/** Collects listed entries in any order. */
export class EntryTableBuilder {
  readonly #table = new EntryRows();
  #tooLarge: RelPath | undefined;

  get length(): number {
    return this.#table.length;
  }

  add(listed: ListedEntry): void {
    if (!this.#table.add(listed)) {
      this.#tooLarge ??= listed.entry.path;
    }
  }

  /**
   * Sorts bytewise by path and resolves hard links: the first path of an inode is the file, the others are `hardlink`s to it.
   * A path that comes twice, or lies below something that is no directory, is a problem: such a list can only be made up.
   */
  finish(): Result<EntryTable, ListingProblem> {
    const rows = this.#table;
    if (this.#tooLarge !== undefined) {
      return err({ message: "name or listing is too long", path: escapePath(this.#tooLarge.slice(0, 4096)) });
    }
    const stray = rows.strayPath();
    if (stray !== undefined) {
      return err({ message: "listed below something that is no directory", path: escapePath(stray) });
    }
    const order = treeOrder(rows);
    for (let i = 1; i < order.length; i++) {
      const row = order[i] as number;
      if (rows.samePath(row, order[i - 1] as number)) {
        return err({ message: "listed twice", path: escapePath(rows.pathAt(row)) });
      }
    }
    rows.resolveLinks(order);
    return ok(new EntryTable(rows, order));
  }
}

/** A sorted listing. */
export class EntryTable implements Iterable<ListedEntry> {
  readonly #rows: EntryRows;
  readonly #order: Uint32Array;

  constructor(rows: EntryRows, order: Uint32Array) {
    this.#rows = rows;
    this.#order = order;
  }

  get length(): number {
    return this.#order.length;
  }

  get rows(): EntryRows {
    return this.#rows;
  }

  /** The row of the entry at a place in path order. */
  rowAt(index: number): number {
    return this.#order[index] as number;
  }

  /** The entry at a place in path order. */
  at(index: number): ListedEntry {
    return this.#rows.at(this.#order[index] as number);
  }

  entryAt(index: number): FileEntry {
    return this.#rows.entryAt(this.#order[index] as number);
  }

  /** The place of a path, or -1. `near` is a place that it comes at or soon behind, if anywhere: who asks in order is answered sooner. */
  indexOf(path: RelPath, near?: number): number {
    const place = this.placeFor(path, near);
    return place < this.length && this.pathAt(place) === path ? place : -1;
  }

  pathAt(place: number): RelPath {
    return this.#rows.pathAt(this.rowAt(place));
  }

  /** The first place whose path does not come before this one: where it stands, or would stand. */
  placeFor(path: string, near?: number): number {
    let low = 0;
    let high = this.length;
    if (near !== undefined && near < high && this.pathAt(near) <= path) {
      low = near;
      for (let step = 1; low + step < high; step *= 2) {
        if (this.pathAt(low + step) >= path) {
          high = low + step;
          break;
        }
        low += step;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.pathAt(middle) < path) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  find(path: RelPath): ListedEntry | undefined {
    const index = this.indexOf(path);
    return index < 0 ? undefined : this.at(index);
  }

  *[Symbol.iterator](): Generator<ListedEntry> {
    for (const row of this.#order) {
      yield this.#rows.at(row);
    }
  }

  /** The entries alone; can be iterated again and again. */
  entries(): Iterable<FileEntry> {
    const rows = this.#rows;
    const order = this.#order;
    return {
      *[Symbol.iterator]() {
        for (const row of order) {
          yield rows.entryAt(row);
        }
      },
    };
  }
}
