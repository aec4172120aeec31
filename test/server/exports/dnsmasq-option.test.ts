import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import { dnsmasqOption } from "../../../server/exports/dnsmasq-option.ts";

describe("dnsmasqOption()", () => {
  it.each([
    ["addresses", 42, [10, 77, 0, 1, 10, 77, 0, 2], "42,10.77.0.1,10.77.0.2"],
    [
      "text, with what its parser would take for its own",
      100,
      [...fromLatin1('a"b\\,c')],
      '100,"a\\"b\\\\,c"',
    ],
    ["domains", 119, [3, 108, 97, 98, 1, 120, 0, 3, 100, 101, 118, 0], "119,lab.x,dev"],
    ["a byte in decimal", 224, [17], "224,17"],
    ["bytes", 225, [1, 254, 0], "225,01:fe:00"],
  ])("writes %s", (_, code, bytes, line) => {
    expect(dnsmasqOption([code, Uint8Array.from(bytes)])).toEqual({ ok: true, value: line });
  });

  it.each([
    ["half an address", 42, [10, 77, 0]],
    ["text with a line's end", 100, [97, 10]],
    ["domains that are compressed", 119, [3, 108, 97, 98, 0xc0, 0]],
    ["domains without an end", 119, [3, 108, 97, 98]],
    ["domains that run over the end", 119, [30, 108, 97, 98, 0]],
  ])("says that dnsmasq would not say %s", (_, code, bytes) => {
    expect(dnsmasqOption([code, Uint8Array.from(bytes)]).ok).toBe(false);
  });
});
