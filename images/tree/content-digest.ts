/** SHA-256 of a member's content as it arrives; of a sparse one, with its holes as zeros. */
import { createHash, type Hash, hash } from "node:crypto";
import type { SparseMap } from "../tar/sparse.ts";

const zeros = Buffer.alloc(1024 * 1024);

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

  constructor(dataLength: number, sparse: SparseMap | undefined) {
    this.#dataLength = dataLength;
    this.#sparse = sparse;
    this.#left = sparse?.segments[0]?.length ?? 0;
  }

  update(bytes: Uint8Array): void {
    if (this.#sparse !== undefined) {
      this.#segments(this.#sparse, bytes);
    } else if (bytes.length === this.#dataLength) {
      this.#whole = hash("sha256", bytes, "buffer");
    } else {
      this.#running().update(bytes);
    }
  }

  digest(): Buffer {
    if (this.#whole !== undefined) {
      return this.#whole;
    }
    this.#zerosUpTo(this.#sparse?.realSize ?? 0);
    return this.#running().digest();
  }

  #running(): Hash {
    this.#hash ??= createHash("sha256");
    return this.#hash;
  }

  #segments(sparse: SparseMap, bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      while (this.#left === 0) {
        this.#segment += 1;
        this.#left = sparse.segments[this.#segment]?.length ?? 0;
      }
      const segment = sparse.segments[this.#segment];
      const length = Math.min(this.#left, bytes.length - offset);
      this.#zerosUpTo((segment?.offset ?? 0) + (segment?.length ?? 0) - this.#left);
      this.#running().update(bytes.subarray(offset, offset + length));
      this.#position += length;
      this.#left -= length;
      offset += length;
    }
  }

  #zerosUpTo(end: number): void {
    while (this.#position < end) {
      const length = Math.min(zeros.length, end - this.#position);
      this.#running().update(zeros.subarray(0, length));
      this.#position += length;
    }
  }
}
