import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, fromLatin1 } from "../../../base/bytes.ts";
import { parseRelPath, type RelPath } from "../../../base/path-bytes.ts";
import { decodeCpio, encodeCpio, type RamdiskEntry } from "../../../netboot/flavor/cpio.ts";

function encode(entries: readonly RamdiskEntry[]): Uint8Array {
  return concatBytes([...encodeCpio(entries)]);
}

const path = fc
  .string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1 })
  .filter((text) => {
    const parsed = parseRelPath(text);
    return parsed.ok && parsed.value === text && text !== "" && text !== "TRAILER!!!";
  })
  .map((text) => text as RelPath);
const mode = fc.integer({ min: 0, max: 0o7777 });
const number = fc.integer({ min: 0, max: 255 });
const entry: fc.Arbitrary<RamdiskEntry> = fc.oneof(
  fc.record({ kind: fc.constant("directory" as const), path, mode }),
  fc.record({ kind: fc.constant("file" as const), path, mode, data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("symlink" as const), path, target: path }),
  fc.record({ kind: fc.constant("character-device" as const), path, mode, major: number, minor: number }),
);

describe("encodeCpio() and decodeCpio()", () => {
  test("are inverse, whatever the names and data", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
        const decoded = decodeCpio(encode(entries));

        expect(decoded).toEqual({ ok: true, value: entries });
      }),
    );
  });

  test("pad members to 4 bytes and the archive to 512", () => {
    const archive = encode([{ kind: "file", path: "a" as RelPath, mode: 0o644, data: fromLatin1("hello") }]);

    expect(archive.length % 512).toBe(0);
    expect(String.fromCharCode(...archive.subarray(0, 112))).toBe(
      `070701${"00000001000081a400000000000000000000000100000000"}${"00000005"}${"00000000".repeat(4)}0000000200000000a\0`,
    );
  });
});

describe("decodeCpio()", () => {
  const good = encode([{ kind: "file", path: "etc/motd" as RelPath, mode: 0o644, data: fromLatin1("hi") }]);
  const renamed = (name: string): Uint8Array => {
    const copy = good.slice();
    copy.set(fromLatin1(name.padEnd(8, "x").slice(0, 8)), 110);
    return copy;
  };

  test.each([
    ["a name that climbs", renamed("../../etc"), "is not a plain relative path"],
    ["an absolute name", renamed("/etc/mot"), "is not a plain relative path"],
    ["a name that is not normal", renamed("etc//mot"), "is not a plain relative path"],
    ["bytes that are no header", fromLatin1("070702".padEnd(200, "0")), "no newc header at 0"],
    ["nothing at all", new Uint8Array(0), "no newc header at 0"],
    ["a member that runs over the end", good.subarray(0, 120), "runs over the end"],
  ])("refuses %s", (_, archive, message) => {
    const decoded = decodeCpio(archive);

    expect(decoded).toEqual({ ok: false, error: expect.stringContaining(message) });
  });

  test("never throws on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(good.length - 1), (noise, at) => {
        const broken = good.slice();
        broken.set(noise.subarray(0, good.length - at), at);

        decodeCpio(broken);
      }),
    );
  });
});
