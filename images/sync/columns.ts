/** Growing columns of numbers and of text: what tables of a million entries are made of, at a few bytes a cell. */
import { latin1At } from "../../base/bytes.ts";

type NumberArray = Uint8Array | Uint16Array | Uint32Array | Float64Array;

const runBits = 12;
const runLength = 2 ** runBits;

/** A column of numbers, in runs: nothing is copied when it grows, and what it takes is what it holds. */
export class NumberColumn<T extends NumberArray> {
  readonly #runs: T[] = [];
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
  }

  at(row: number): number {
    return this.#runs[row >>> runBits]?.[row & (runLength - 1)] ?? 0;
  }

  set(row: number, value: number): void {
    const run = row >>> runBits;
    while (this.#runs.length <= run) {
      this.#runs.push(this.#make(runLength));
    }
    (this.#runs[run] as T)[row & (runLength - 1)] = value;
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

/** Whole numbers up to 2^53, negative ones too. A run of them takes one, two, four or eight bytes a number: as many as its largest needs. */
export class CountColumn {
  readonly #runs: NumberArray[] = [];

  at(row: number): number {
    return this.#runs[row >>> runBits]?.[row & (runLength - 1)] ?? 0;
  }

  set(row: number, value: number): void {
    const index = row >>> runBits;
    while (this.#runs.length <= index) {
      this.#runs.push(new Uint8Array(runLength));
    }
    let run = this.#runs[index] as NumberArray;
    if (!fits(run, value)) {
      run = widened(run, value);
      this.#runs[index] = run;
    }
    run[row & (runLength - 1)] = value;
  }
}

/** By the bytes of a number. */
const largest: readonly number[] = [0, 0xff, 0xffff, 0, 0xffffffff];

function fits({ BYTES_PER_ELEMENT: bytes }: NumberArray, value: number): boolean {
  return bytes === 8 || (value >= 0 && value <= (largest[bytes] as number));
}

function widened(run: NumberArray, value: number): NumberArray {
  const wide =
    value < 0 || value > 0xffffffff
      ? new Float64Array(runLength)
      : value > 0xffff
        ? new Uint32Array(runLength)
        : new Uint16Array(runLength);
  wide.set(run);
  return wide;
}

const digestBytes = 32;
const digestRun = 1024;

/** SHA-256 by row, lower-case hex. Rows near each other share a run of 32 KiB; what has no digest near it takes nothing. */
export class DigestColumn {
  readonly #runs = new Map<number, Buffer>();

  /** Without a digest, what was known of the row is forgotten. */
  set(row: number, digest: string | undefined): void {
    const run = Math.floor(row / digestRun);
    const known = this.#runs.get(run);
    if (known === undefined && digest === undefined) {
      return;
    }
    const bytes = known ?? Buffer.alloc(digestRun * digestBytes);
    this.#runs.set(run, bytes);
    bytes.write(digest ?? noDigest, (row % digestRun) * digestBytes, digestBytes, "hex");
  }

  get(row: number): string | undefined {
    const start = (row % digestRun) * digestBytes;
    const digest = this.#runs.get(Math.floor(row / digestRun))?.toString("hex", start, start + digestBytes);
    return digest === noDigest ? undefined : digest;
  }
}

const noDigest = "0".repeat(2 * digestBytes);

/** Places of a table. */
export class PlaceSet {
  readonly #has: Uint8Array;
  size = 0;

  constructor(length: number) {
    this.#has = new Uint8Array(length);
  }

  add(place: number): void {
    if (this.#has[place] === 0) {
      this.#has[place] = 1;
      this.size += 1;
    }
  }

  delete(place: number): void {
    if (this.has(place)) {
      this.#has[place] = 0;
      this.size -= 1;
    }
  }

  has(place: number): boolean {
    return this.#has[place] === 1;
  }

  /** Rising. */
  *[Symbol.iterator](): Generator<number> {
    for (let place = this.#has.indexOf(1); place >= 0; place = this.#has.indexOf(1, place + 1)) {
      yield place;
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
      this.#pieces.push(Buffer.alloc(pieceLength));
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
