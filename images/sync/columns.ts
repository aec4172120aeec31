/** Growing columns of numbers and of text: what tables of a million entries are made of, at a few bytes a cell. */
import { latin1At } from "../../base/bytes.ts";

type NumberArray = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A column of numbers. It doubles when it is full; memory that was never written to is not taken from the machine. */
export class NumberColumn<T extends NumberArray> {
  #values: T;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(256);
  }

  at(row: number): number {
    return this.#values[row] ?? 0;
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const grown = this.#make(Math.max(row + 1, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[row] = value;
  }
}

export function bytesColumn(): NumberColumn<Uint8Array> {
  return new NumberColumn((length) => new Uint8Array(length));
}

export function shortColumn(): NumberColumn<Uint16Array> {
  return new NumberColumn((length) => new Uint16Array(length));
}

export function wordColumn(): NumberColumn<Uint32Array> {
  return new NumberColumn((length) => new Uint32Array(length));
}

/** Whole numbers up to 2^53: four bytes each, until one comes that needs eight. */
export class CountColumn {
  #narrow: NumberColumn<Uint32Array> | undefined = wordColumn();
  readonly #wide = new NumberColumn((length) => new Float64Array(length));
  #length = 0;

  at(row: number): number {
    return this.#narrow === undefined ? this.#wide.at(row) : this.#narrow.at(row);
  }

  set(row: number, value: number): void {
    this.#length = Math.max(this.#length, row + 1);
    const narrow = this.#narrow;
    if (narrow === undefined) {
      this.#wide.set(row, value);
    } else if (value >= 0 && value <= 0xffffffff) {
      narrow.set(row, value);
    } else {
      for (let i = 0; i < this.#length; i++) {
        this.#wide.set(i, narrow.at(i));
      }
      this.#wide.set(row, value);
      this.#narrow = undefined;
    }
  }
}

const pieceBits = 20;
const pieceLength = 2 ** pieceBits;
const maxPieces = 2 ** (32 - pieceBits);

/** Latin1 text behind each other in pieces of 1 MiB. A text is found again by where it starts and how long it is. */
export class TextStore {
  readonly #pieces: Uint8Array[] = [];
  #used = pieceLength;

  /** Keeps a text of less than 1 MiB; returns where it starts, or undefined where there is no room: 4 GiB are the most. */
  add(text: string): number | undefined {
    if (text === "") {
      return 0;
    }
    if (this.#used + text.length > pieceLength) {
      if (this.#pieces.length >= maxPieces || text.length >= pieceLength) {
        return undefined;
      }
      this.#pieces.push(new Uint8Array(pieceLength));
      this.#used = 0;
    }
    const piece = this.#pieces.at(-1) as Uint8Array;
    const start = this.#used;
    for (let i = 0; i < text.length; i++) {
      piece[start + i] = text.charCodeAt(i);
    }
    this.#used += text.length;
    return (this.#pieces.length - 1) * pieceLength + start;
  }

  /** Whether the text at a place is the one at a place of another store. */
  equals(start: number, length: number, other: TextStore, otherStart: number): boolean {
    if (length === 0) {
      return true;
    }
    const piece = this.#pieces[Math.floor(start / pieceLength)] as Uint8Array;
    const others = other.#pieces[Math.floor(otherStart / pieceLength)] as Uint8Array;
    const offset = start % pieceLength;
    const shift = (otherStart % pieceLength) - offset;
    // From the end: neighbours often begin alike.
    for (let i = offset + length - 1; i >= offset; i--) {
      if (piece[i] !== others[i + shift]) {
        return false;
      }
    }
    return true;
  }

  at(start: number, length: number): string {
    if (length === 0) {
      return "";
    }
    const piece = this.#pieces[Math.floor(start / pieceLength)] as Uint8Array;
    const offset = start % pieceLength;
    return latin1At(piece, offset, offset + length);
  }
}
