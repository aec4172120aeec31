/**
 * GNU sparse members (GNU tar manual, "Storing Sparse Files"): a map of data segments, the rest being holes.
 * Format 1.0 puts the map at the head of the member's data: decimal numbers, each ended by a newline (count, then offset and
 * length of each segment), padded to a block. 0.0 and 0.1 keep it in pax records, old GNU in the header and further blocks.
 */
import { err, ok, type Result } from "../../base/result.ts";
import { blockSize, number, paddingOf } from "./header.ts";

export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  /** Apparent size of the file. */
  readonly realSize: number;
  readonly segments: readonly SparseSegment[];
}

/** Checks that segments rise, do not overlap, stay inside the file and add up to the data that the member holds. */
export function checkSparseMap(map: SparseMap, dataLength: number): string | undefined {
  let end = 0;
  let total = 0;
  for (const segment of map.segments) {
    const valid = Number.isSafeInteger(segment.offset) && Number.isSafeInteger(segment.length);
    if (!valid || segment.offset < end || segment.length < 0) {
      return "sparse map is not in order";
    }
    end = segment.offset + segment.length;
    total += segment.length;
  }
  if (end > map.realSize) {
    return "sparse map goes beyond the file's size";
  }
  return total === dataLength ? undefined : "sparse map does not match the data";
}

/** Segments of an old GNU header (`offset` 386, 4 of them) or of an extension block (offset 0, 21 of them), and whether another block follows. */
export function oldGnuSegments(
  block: Uint8Array,
  where: { readonly offset: number; readonly count: number },
): Result<{ readonly segments: readonly SparseSegment[]; readonly more: boolean }, string> {
  const segments: SparseSegment[] = [];
  for (let i = 0; i < where.count; i++) {
    const at = where.offset + i * 24;
    if (block[at] === 0) {
      break;
    }
    const offset = number(block, at, 12);
    const length = number(block, at + 12, 12);
    if (offset === undefined || length === undefined) {
      return err("sparse header is no number");
    }
    segments.push({ offset, length });
  }
  return ok({ segments, more: block[where.offset + where.count * 24] === 1 });
}

/** The real size field of the old GNU sparse header that starts at `at`. */
export function oldGnuRealSize(bytes: Uint8Array, at: number): number | undefined {
  return number(bytes, at + 483, 12);
}

/** The format 1.0 map as the head of a member's data. */
export function encodeSparseMap(segments: readonly SparseSegment[]): string {
  let text = `${segments.length}\n`;
  for (const segment of segments) {
    text += `${segment.offset}\n${segment.length}\n`;
  }
  return text + "\0".repeat(paddingOf(text.length));
}

/** Reads a format 1.0 map from the head of a member's data, as blocks arrive. */
export class SparseMapReader {
  readonly #maxSegments: number;
  #text = "";
  #numbers: number[] = [];
  #wanted = -1;

  constructor(maxSegments: number) {
    this.#maxSegments = maxSegments;
  }

  /** Takes one block; gives the segments once all are there. */
  block(bytes: Uint8Array): Result<readonly SparseSegment[] | undefined, string> {
    this.#text += String.fromCharCode(...bytes.subarray(0, blockSize));
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      if (!/^\d{1,16}$/.test(line)) {
        return err("sparse map is no list of numbers");
      }
      const value = Number(line);
      if (this.#wanted < 0) {
        if (value > this.#maxSegments) {
          return err(`sparse map has more than ${this.#maxSegments} segments`);
        }
        this.#wanted = value * 2;
      } else {
        this.#numbers.push(value);
      }
      if (this.#numbers.length === this.#wanted) {
        const segments: SparseSegment[] = [];
        for (let i = 0; i < this.#wanted; i += 2) {
          segments.push({ offset: this.#numbers[i] as number, length: this.#numbers[i + 1] as number });
        }
        this.#numbers = [];
        return ok(segments);
      }
    }
    return this.#text.length > blockSize ? err("sparse map is no list of numbers") : ok(undefined);
  }
}
