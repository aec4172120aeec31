import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allSlices } from "../../../base/slices.ts";
import { ContentDigest } from "../../../images/tree/content-digest.ts";

const segment = fc.record({ gap: fc.nat(5000), length: fc.nat(3000) });

/** The file, its map, and what a tar stores of it. */
function sparseFile(segments: readonly { readonly gap: number; readonly length: number }[], tail: number) {
  const placed: { offset: number; length: number }[] = [];
  let end = 0;
  for (const { gap, length } of segments) {
    placed.push({ offset: end + gap, length });
    end += gap + length;
  }
  const content = Buffer.alloc(end + tail);
  for (const [index, { offset, length }] of placed.entries()) {
    content.fill(index + 1, offset, offset + length);
  }
  const stored = Buffer.concat(placed.map(({ offset, length }) => content.subarray(offset, offset + length)));
  return { content, stored, map: { realSize: content.length, segments: placed } };
}

function sha256(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}

describe("the digest of a content", () => {
  test("is that of the file as its readers see it, in whatever pieces its data comes", () => {
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 6 }),
        fc.nat(5000),
        fc.integer({ min: 1, max: 4000 }),
        (...of) => {
          const [segments, tail, piece] = of;
          const { content, stored, map } = sparseFile(segments, tail);
          const [sparse, plain] = [
            new ContentDigest(stored.length, map),
            new ContentDigest(content.length, undefined),
          ];
          for (let at = 0; at < stored.length; at += piece) {
            sparse.update(stored.subarray(at, at + piece));
          }
          for (let at = 0; at < content.length; at += piece) {
            plain.update(content.subarray(at, at + piece));
          }

          expect(sparse.digest()).toEqual(sha256(content));
          expect(plain.digest()).toEqual(sha256(content));
        },
      ),
    );
  });

  test("of a large hole lets others run", () => {
    const realSize = 100 * 1024 * 1024;
    const digest = new ContentDigest(0, { realSize, segments: [] });
    let slices = 0;
    const computing = digest.digesting();
    let step = computing.next();
    for (; step.done !== true; step = computing.next()) {
      slices += 1;
    }

    expect(slices).toBe(6);
    expect(step.value).toEqual(sha256(Buffer.alloc(realSize)));
  });

  test("is none where there is more data than the map says", () => {
    const digest = new ContentDigest(2, { realSize: 10, segments: [{ offset: 4, length: 1 }] });

    expect(() => allSlices(digest.updating(new Uint8Array(2)))).toThrow("more data than its map");
  });
});
