import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import { dataFrames, decodeTftp, encodeTftp, type TftpPacket } from "../../../netboot/tftp/packet.ts";

const word = fc.stringMatching(/^[a-z0-9._/-]{1,20}$/);
const optionMap = fc
  .dictionary(word, word, { maxKeys: 5, noNullPrototype: true })
  .map((all) => new Map(Object.entries(all)));
const block = fc.integer({ min: 0, max: 65_535 });
const packets: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({ kind: fc.constantFrom("read", "write"), name: word, mode: word, options: optionMap }),
  fc.record({ kind: fc.constant("data"), block, bytes: fc.uint8Array({ maxLength: 1468 }) }),
  fc.record({ kind: fc.constant("ack"), block }),
  fc.record({ kind: fc.constant("error"), code: block, message: word }),
  fc.record({ kind: fc.constant("oack"), options: optionMap.filter((options) => options.size > 0) }),
);

describe("decodeTftp()", () => {
  it("reads back what encodeTftp() wrote", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeTftp(encodeTftp(packet))).toEqual({ ok: true, value: packet });
      }),
    );
  });

  it("frames a run of blocks as one by one, over the wrap and with a short or empty block at the end", () => {
    for (const [length, count] of [
      [48, 3],
      [33, 3],
      [32, 3],
      [0, 1],
    ] as const) {
      const bytes = Uint8Array.from({ length }, (_, index) => index);

      const frames = dataFrames(bytes, { first: 65_535, count, blockSize: 16 });

      expect(frames.map((frame) => Uint8Array.from(frame))).toEqual(
        Array.from({ length: count }, (_, index) =>
          encodeTftp({
            kind: "data",
            block: (65_535 + index) & 0xffff,
            bytes: bytes.subarray(index * 16, index * 16 + 16),
          }),
        ),
      );
    }
  });

  it("answers any bytes with a packet or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        const result = decodeTftp(bytes);

        expect(result.ok || result.error.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ["nothing", "", /too short/],
    ["one byte", "\x00", /too short/],
    ["an unknown opcode", "\x00\x09\x00\x00", /opcode 9/],
    ["a name without an end", "\x00\x01name", /name and a mode/],
    ["a request without a mode", "\x00\x01name\x00", /name and a mode/],
    ["an empty name", "\x00\x01\x00octet\x00", /name and a mode/],
    ["an option without a value", "\x00\x01a\x00octet\x00blksize\x00", /without a value/],
    ["a request of two kilobytes", `\x00\x01${"a".repeat(2000)}\x00octet\x00`, /over 1024/],
  ];
  it.each(bad)("rejects %s", (_, text, reason) => {
    const result = decodeTftp(fromLatin1(text));

    expect(result).toMatchObject({ ok: false, error: expect.stringMatching(reason) });
  });

  it("takes option names and the mode in any case", () => {
    const result = decodeTftp(fromLatin1("\x00\x01f\x00OCTET\x00BlkSize\x001428\x00"));

    expect(result).toMatchObject({
      ok: true,
      value: { mode: "octet", options: new Map([["blksize", "1428"]]) },
    });
  });
});
