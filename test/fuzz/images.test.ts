import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { ListingDecoder, normaliseListing } from "../../images/sync/listing.ts";
import { TarDecoder } from "../../images/tar/decode.ts";
import { encodeMember, endOfArchive } from "../../images/tar/encode.ts";
import { decodePax, decodePaxTime, encodePax, encodePaxTime } from "../../images/tar/pax.ts";

const latin1 = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 150 })
  .map((bytes) => String.fromCharCode(...bytes));

describe("decoders of foreign bytes", () => {
  it("TarDecoder never throws and tells no path that leaves the tree", () => {
    const valid = encodeMember({
      kind: "file",
      path: "a" as RelPath,
      mode: 0,
      uid: 0,
      gid: 0,
      mtime: { seconds: -1, nanoseconds: 1 },
      size: 0,
    });
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 })
      .map((changes) => {
        const bytes = valid.slice();
        for (const [at, value] of changes) {
          bytes[at] = value;
        }
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), { maxLength: 4 }),
        (parts) => {
          const decoder = new TarDecoder();
          const events = decoder.write(concatBytes([...parts, endOfArchive]));
          for (const event of events.ok ? events.value : []) {
            if (event.kind === "entry") {
              expect(event.entry.path.startsWith("/") || event.entry.path.split("/").includes("..")).toBe(
                false,
              );
            }
          }
          decoder.end();
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("pax records and times come back as they went", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            latin1.filter((key) => !key.includes("=")),
            latin1,
          ),
        ),
        (records) => {
          expect(decodePax(encodePax(records), 1000)).toEqual({ ok: true, value: records });
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: -1e11, max: 1e11 }), fc.nat(999_999_999), (seconds, nanoseconds) => {
        expect(decodePaxTime(encodePaxTime({ seconds, nanoseconds }))).toEqual({ seconds, nanoseconds });
      }),
    );
  });

  it("ListingDecoder never throws on any bytes, however they are cut", () => {
    const record = "f 644 0 0 5 8 1.5 1.5 1:2 1\0\0a/b\0";
    const text = fc.oneof(
      fc.constant(record),
      fc.constant("d 755 0 0 5 8 1 1 1:3 2\0\0a\0"),
      fc.string({ unit: "binary-ascii" }),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.nat(200), (texts, cut) => {
        const bytes = new TextEncoder().encode(texts.join(""));
        const decoder = new ListingDecoder();
        const first = decoder.write(bytes.subarray(0, cut));
        const second = first.ok ? decoder.write(bytes.subarray(cut)) : first;
        if (first.ok && second.ok) {
          decoder.end();
          normaliseListing([...first.value, ...second.value]);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
