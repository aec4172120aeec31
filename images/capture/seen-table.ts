/** What was seen of each entry, kept as digests of its path and of a word about either side: 24 bytes an entry however long its path is. */
import { putWordDigest, wordCells } from "../sync/word-digest.ts";

/** Of an entry: path, client's word, tree's word. */
const cells = 3 * wordCells;

export class SeenTable {
  #length = 0;
  #rows = new Uint32Array(64 * cells);
  /** Row number plus one at the place that a path's digest leads to or, where that is taken, the next free one. */
  #index = new Uint32Array(128);

  get length(): number {
    return this.#length;
  }

  /** The table as bytes, little-endian. A view: it changes with the table. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#rows.buffer, 0, this.#length * cells * 4);
  }

  /** Reads what {@link bytes} gave; undefined where it is cut. */
  static from(bytes: Uint8Array): SeenTable | undefined {
    if (bytes.length % (cells * 4) !== 0) {
      return undefined;
    }
    const table = new SeenTable();
    const length = bytes.length / (cells * 4);
    table.#rows = new Uint32Array(Math.max(1, length) * cells);
    new Uint8Array(table.#rows.buffer).set(bytes);
    table.#length = length;
    table.#reindex();
    return table;
  }

  add(path: string, clientWord: string, treeWord: string): void {
    if ((this.#length + 1) * cells > this.#rows.length) {
      const grown = new Uint32Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const at = this.#length * cells;
    putWordDigest(path, this.#rows, at);
    putWordDigest(clientWord, this.#rows, at + wordCells);
    putWordDigest(treeWord, this.#rows, at + 2 * wordCells);
    this.#length += 1;
    if (this.#length * 2 > this.#index.length) {
      this.#reindex();
    } else {
      this.#enter(this.#length - 1);
    }
  }

  /** As {@link add}, in the place of what was seen of the path before; returns the entry's row. */
  put(path: string, clientWord: string, treeWord: string): number {
    const row = this.rowOf(path);
    if (row === undefined) {
      this.add(path, clientWord, treeWord);
      return this.#length - 1;
    }
    putWordDigest(clientWord, this.#rows, row * cells + wordCells);
    putWordDigest(treeWord, this.#rows, row * cells + 2 * wordCells);
    return row;
  }

  /** Whether an entry is as it was seen. */
  compare(path: string, clientWord: string, treeWord: string): "same" | "different" | "unknown" {
    const row = this.rowOf(path);
    if (row === undefined) {
      return "unknown";
    }
    return this.#has(clientWord, row * cells + wordCells) && this.#has(treeWord, row * cells + 2 * wordCells)
      ? "same"
      : "different";
  }

  /** The row of an entry, in the order in which they were added. */
  rowOf(path: string): number | undefined {
    putWordDigest(path, asked, 0);
    const mask = this.#index.length - 1;
    for (let place = (asked[0] as number) & mask; ; place = (place + 1) & mask) {
      const row = this.#index[place] as number;
      if (row === 0) {
        return undefined;
      }
      if (this.#isAsked((row - 1) * cells)) {
        return row - 1;
      }
    }
  }

  #has(word: string, at: number): boolean {
    putWordDigest(word, asked, 0);
    return this.#isAsked(at);
  }

  #isAsked(at: number): boolean {
    return this.#rows[at] === asked[0] && this.#rows[at + 1] === asked[1];
  }

  #enter(row: number): void {
    const mask = this.#index.length - 1;
    let place = (this.#rows[row * cells] as number) & mask;
    while (this.#index[place] !== 0) {
      place = (place + 1) & mask;
    }
    this.#index[place] = row + 1;
  }

  #reindex(): void {
    let size = 128;
    while (size < this.#length * 3) {
      size *= 2;
    }
    this.#index = new Uint32Array(size);
    for (let row = 0; row < this.#length; row++) {
      this.#enter(row);
    }
  }
}

const asked = new Uint32Array(wordCells);
