/**
 * What was seen of each entry, kept as digests of 64 bits of its path and of a word about either side: 24 bytes an entry
 * however long its path is. Two of a million paths or words that share a digest by accident are one chance in ten million;
 * who made them on purpose would only leave his own change out of his own image.
 */

const cells = 6;

export class SeenTable {
  #length = 0;
  /** Of each entry: path, client's word, tree's word, two cells each. */
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
    digest(path, this.#rows, at);
    digest(clientWord, this.#rows, at + 2);
    digest(treeWord, this.#rows, at + 4);
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
    digest(clientWord, this.#rows, row * cells + 2);
    digest(treeWord, this.#rows, row * cells + 4);
    return row;
  }

  /** Whether an entry is as it was seen. */
  compare(path: string, clientWord: string, treeWord: string): "same" | "different" | "unknown" {
    const row = this.rowOf(path);
    if (row === undefined) {
      return "unknown";
    }
    return this.#has(clientWord, row * cells + 2) && this.#has(treeWord, row * cells + 4)
      ? "same"
      : "different";
  }

  /** The row of an entry, in the order in which they were added. */
  rowOf(path: string): number | undefined {
    digest(path, asked, 0);
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
    digest(word, asked, 0);
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

const asked = new Uint32Array(2);

/** Two lanes of 32 bits, each mixed after every character and once more at the end (the finish of MurmurHash3). */
function digest(text: string, into: Uint32Array, at: number): void {
  let first = 0x2545f491;
  let second = 0x6c078965;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    first = Math.imul(first ^ code, 0x9e3779b1);
    second = Math.imul(second ^ code, 0x85ebca77);
    first ^= first >>> 15;
    second ^= second >>> 13;
  }
  into[at] = finish(first ^ text.length);
  into[at + 1] = finish(second ^ first);
}

function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
