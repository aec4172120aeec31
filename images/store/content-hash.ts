/** SHA-256 of a regular file's content as a reader of the file sees it: the holes of a sparse file are zeros. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { SparseMap } from "../tar/sparse.ts";

const zeros = new Uint8Array(1024 * 1024);
/** Bytes hashed before others get their turn on the event loop. */
const slice = 16 * 1024 * 1024;

export class ContentHash {
  readonly #hash = createHash("sha256");
  readonly #sparse: SparseMap | undefined;
  #position = 0;
  #segment = 0;
  #inSegment = 0;

  constructor(sparse: SparseMap | undefined) {
    this.#sparse = sparse;
  }

  /** Takes stored data: the content, or the data of a sparse file's segments one after the other. */
  async update(data: Uint8Array): Promise<void> {
    if (this.#sparse === undefined) {
      this.#hash.update(data);
      return;
    }
    let rest = data;
    while (rest.length > 0) {
      const segment = this.#sparse.segments[this.#segment];
      if (segment === undefined) {
        throw new RangeError("Sparse file has more data than its map");
      }
      const taken = Math.min(segment.length - this.#inSegment, rest.length);
      if (taken > 0) {
        await this.#skipTo(segment.offset + this.#inSegment);
        this.#hash.update(rest.subarray(0, taken));
        this.#position += taken;
        this.#inSegment += taken;
        rest = rest.subarray(taken);
      }
      if (this.#inSegment === segment.length) {
        this.#segment += 1;
        this.#inSegment = 0;
      }
    }
  }

  async digest(): Promise<Buffer> {
    if (this.#sparse !== undefined) {
      await this.#skipTo(this.#sparse.realSize);
    }
    return this.#hash.digest();
  }

  async #skipTo(position: number): Promise<void> {
    let sinceYield = 0;
    while (this.#position < position) {
      const step = Math.min(zeros.length, position - this.#position);
      this.#hash.update(zeros.subarray(0, step));
      this.#position += step;
      sinceYield += step;
      if (sinceYield >= slice) {
        sinceYield = 0;
        await setImmediate();
      }
    }
  }
}
