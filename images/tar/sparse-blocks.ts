/** Sparse maps that come in blocks of their own before a member's data: behind the header (old GNU), or at the head of the data (1.0). */
import { err, ok, type Result } from "../../base/result.ts";
import { oldGnuSegments, type SparseMap, SparseMapReader, type SparseSegment } from "./sparse.ts";

export interface SparseBlocks {
  /** Takes the block at `at`; the map, once it is whole. */
  block(bytes: Uint8Array, at: number): Result<SparseMap | undefined, string>;
}

const blockSegments = 21;

export class OldSparseBlocks implements SparseBlocks {
  readonly #realSize: number;
  readonly #segments: SparseSegment[];
  readonly #maxSegments: number;

  constructor(start: SparseMap, maxSegments: number) {
    this.#realSize = start.realSize;
    this.#segments = [...start.segments];
    this.#maxSegments = maxSegments;
  }

  block(bytes: Uint8Array, at: number): Result<SparseMap | undefined, string> {
    const decoded = oldGnuSegments(bytes, { offset: at, count: blockSegments });
    if (!decoded.ok) {
      return decoded;
    }
    this.#segments.push(...decoded.value.segments);
    if (this.#segments.length > this.#maxSegments) {
      return err(`sparse map has more than ${this.#maxSegments} segments`);
    }
    return ok(decoded.value.more ? undefined : { realSize: this.#realSize, segments: this.#segments });
  }
}

export class DataHeadBlocks implements SparseBlocks {
  readonly #realSize: number;
  readonly #reader: SparseMapReader;

  constructor(start: Pick<SparseMap, "realSize">, maxSegments: number) {
    this.#realSize = start.realSize;
    this.#reader = new SparseMapReader(maxSegments);
  }

  block(bytes: Uint8Array, at: number): Result<SparseMap | undefined, string> {
    const segments = this.#reader.block(bytes.subarray(at, at + 512));
    if (!segments.ok) {
      return segments;
    }
    return ok(
      segments.value === undefined ? undefined : { realSize: this.#realSize, segments: segments.value },
    );
  }
}
