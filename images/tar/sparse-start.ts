/** What a member's header and records say about its being sparse: nothing, the whole map, or where the rest of the map is. */
import { err, ok, type Result } from "../../base/result.ts";
import type { MemberSource } from "./member.ts";
import { oldGnuRealSize, oldGnuSegments, type SparseMap, type SparseSegment } from "./sparse.ts";

export type SparseStart =
  | { readonly kind: "plain" }
  | { readonly kind: "whole"; readonly map: SparseMap }
  /** More of the map follows: in old GNU's extension blocks, or at the head of the data (format 1.0). */
  | {
      readonly kind: "old-blocks" | "data-head";
      readonly realSize: number;
      readonly segments: readonly SparseSegment[];
    };

const plain: Result<SparseStart, string> = ok({ kind: "plain" });

export interface SparseInput {
  readonly source: MemberSource;
  /** Segments of format 0.0, which came as records. */
  readonly segments: readonly SparseSegment[];
  /** Bytes that hold the member's header block, and where it starts. */
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly maxSegments: number;
}

export function sparseStart(input: SparseInput): Result<SparseStart, string> {
  const { records, header } = input.source;
  if (header.typeflag === "S") {
    return oldGnuStart(input);
  }
  if (records.size === 0) {
    return plain;
  }
  const realSizeText = records.get("GNU.sparse.realsize") ?? records.get("GNU.sparse.size");
  if (realSizeText === undefined) {
    return input.segments.length > 0 ? err("sparse file without a size") : plain;
  }
  const realSize = Number(realSizeText);
  if (!/^\d{1,16}$/.test(realSizeText) || !Number.isSafeInteger(realSize)) {
    return err("sparse file without a size");
  }
  if (records.get("GNU.sparse.major") === "1") {
    return ok({ kind: "data-head", realSize, segments: [] });
  }
  const list = records.get("GNU.sparse.map");
  const segments = list === undefined ? input.segments : segmentsOfList(list, input.maxSegments);
  return segments === undefined
    ? err("sparse map is no list of numbers")
    : ok({ kind: "whole", map: { realSize, segments } });
}

function oldGnuStart(input: SparseInput): Result<SparseStart, string> {
  const first = oldGnuSegments(input.bytes, { offset: input.at + 386, count: 4 });
  if (!first.ok) {
    return first;
  }
  const realSize = oldGnuRealSize(input.bytes, input.at);
  if (realSize === undefined) {
    return err("sparse file without a size");
  }
  const { segments, more } = first.value;
  return ok(
    more ? { kind: "old-blocks", realSize, segments } : { kind: "whole", map: { realSize, segments } },
  );
}

/** Format 0.1: `OFFSET,LENGTH,OFFSET,LENGTH…`. */
function segmentsOfList(text: string, maxSegments: number): readonly SparseSegment[] | undefined {
  const numbers = text === "" ? [] : text.split(",", maxSegments * 2 + 1).map(Number);
  if (numbers.length % 2 !== 0 || numbers.length > maxSegments * 2) {
    return undefined;
  }
  const segments: SparseSegment[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    segments.push({ offset: numbers[i] as number, length: numbers[i + 1] as number });
  }
  return segments;
}
