import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../base/bytes.ts";
import {
  decodePackIndex,
  encodePackIndex,
  frameAt,
  indexFooterBytes,
  indexLength,
  memberDigest,
} from "../../../images/store/pack-index.ts";

const digest = new Uint8Array(32).fill(7);
const key = new Uint8Array(8).fill(9);
const frames = [
  { compressed: 100, raw: 1024, digest },
  { compressed: 50, raw: 512, digest },
];
const members = [
  { blocks: 1, headerBlocks: 1, headerKey: key },
  { blocks: 2, headerBlocks: 1, headerKey: key, digest },
];

describe("decodePackIndex()", () => {
  it("reads what encodePackIndex() wrote", () => {
    const bytes = concatBytes([...encodePackIndex(frames, members)]);

    const decoded = decodePackIndex(bytes, 150 + bytes.length);

    expect(indexLength(bytes.subarray(-indexFooterBytes))).toEqual({ ok: true, value: bytes.length });
    if (!decoded.ok) {
      throw new Error(decoded.error);
    }
    expect([...decoded.value.frameOffset]).toEqual([0, 100, 150]);
    expect([...decoded.value.memberRaw]).toEqual([0, 512, 1536]);
    expect(memberDigest(decoded.value, 0)).toBeUndefined();
    expect(memberDigest(decoded.value, 1)).toEqual(digest);
    expect([0, 1023, 1024, 1535].map((raw) => frameAt(decoded.value, raw))).toEqual([0, 0, 1, 1]);
  });

  it("refuses an index that does not account for the pack to the byte", () => {
    const bytes = concatBytes([...encodePackIndex(frames, members)]);

    expect(decodePackIndex(bytes, 151 + bytes.length).ok).toBe(false);
    expect(decodePackIndex(bytes.subarray(1), 150 + bytes.length).ok).toBe(false);
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 24, maxLength: 300 }),
        fc.integer({ min: 0, max: 8 }),
        (noise, cut) => {
          const bytes = concatBytes([...encodePackIndex(frames, members)]);
          bytes.set(noise.subarray(0, bytes.length - 24 - cut), cut);

          expect(() => decodePackIndex(bytes, 150 + bytes.length)).not.toThrow();
          expect(() => decodePackIndex(noise, noise.length)).not.toThrow();
        },
      ),
    );
  });
});
