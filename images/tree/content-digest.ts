/** SHA-256 of a regular file's content as a reader of the file sees it: the holes of a sparse member are zeros. */
import { createHash, type Hash, hash } from "node:crypto";
import { allSlices, type Sliced } from "../../base/slices.ts";
import type { SparseMap } from "../tar/sparse.ts";

const zeros = Buffer.alloc(1024 * 1024);
/** Zeros digested before others get their turn on the event loop. */
const slice = 16 * 1024 * 1024;

export class ContentDigest {
  readonly #sparse: SparseMap | undefined;
  readonly #dataLength: number;
  #hash: Hash | undefined;
  /** Of content that came in one piece, as that of nearly every file does: one call costs a third of three. */
  #whole: Buffer | undefined;
  /** Of a sparse file: the segment that is being filled, bytes left of it, and how far the content is digested. */
  #segment = 0;
  #left = 0;
  #position = 0;

  /** `dataLength` bytes are stored: the content, or the data of a sparse file's segments one after the other. */
  constructor(dataLength: number, sparse: SparseMap | undefined) {
    this.#dataLength = dataLength;
    this.#sparse = sparse;
    this.#left = sparse?.segments[0]?.length ?? 0;
  }

  /** Takes stored data. */
  update(bytes: Uint8Array): void {
    if (this.#sparse === undefined) {
      this.#plain(bytes);
    } else {
      allSlices(this.#segments(this.#sparse, bytes));
    }
  }

  /** The same, a hole of any size in slices. */
  *updating(bytes: Uint8Array): Sliced<void> {
    if (this.#sparse === undefined) {
      this.#plain(bytes);
    } else {
      yield* this.#segments(this.#sparse, bytes);
    }
  }

  digest(): Buffer {
    return this.#whole ?? allSlices(this.digesting());
  }

  /** The digest, a hole at the end in slices. */
  *digesting(): Sliced<Buffer> {
    if (this.#whole !== undefined) {
      return this.#whole;
    }
    yield* this.#zerosUpTo(this.#sparse?.realSize ?? 0);
    return this.#running().digest();
  }

  #plain(bytes: Uint8Array): void {
    if (bytes.length === this.#dataLength) {
      this.#whole = hash("sha256", bytes, "buffer");
    } else {
      this.#running().update(bytes);
    }
  }

  #running(): Hash {
    this.#hash ??= createHash("sha256");
    return this.#hash;
  }

  *#segments(sparse: SparseMap, bytes: Uint8Array): Sliced<void> {
    for (let offset = 0; offset < bytes.length; ) {
      while (this.#left === 0) {
        this.#segment += 1;
        const next = sparse.segments[this.#segment];
        if (next === undefined) {
          throw new RangeError("Sparse file has more data than its map");
        }
        this.#left = next.length;
      }
      const segment = sparse.segments[this.#segment];
      const length = Math.min(this.#left, bytes.length - offset);
      yield* this.#zerosUpTo((segment?.offset ?? 0) + (segment?.length ?? 0) - this.#left);
      this.#running().update(bytes.subarray(offset, offset + length));
      this.#position += length;
      this.#left -= length;
      offset += length;
    }
  }

  *#zerosUpTo(end: number): Sliced<void> {
    let sinceYield = 0;
    while (this.#position < end) {
      const length = Math.min(zeros.length, end - this.#position);
      this.#running().update(zeros.subarray(0, length));
      this.#position += length;
      sinceYield += length;
      if (sinceYield >= slice) {
        sinceYield = 0;
        yield;
      }
    }
  }
}
