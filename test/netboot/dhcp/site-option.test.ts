import { describe, expect, it } from "vitest";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { encodeSiteOption, type SiteOptionValue } from "../../../netboot/dhcp/site-option.ts";

const address = "10.0.0.5" as Ipv4Address;

describe("encodeSiteOption()", () => {
  it.each<[number, SiteOptionValue, string]>([
    [42, { addresses: [address, address] }, "0a0000050a000005"],
    [100, { text: "CET-1CEST" }, "4345542d3143455354"],
    // RFC 3397 writes names as RFC 1035 does.
    [119, { domains: ["eng.example", "example."] }, "03656e67076578616d706c6500076578616d706c6500"],
    [26, { hex: "05:dc" }, "05dc"],
    [121, { hex: "08 0a 0a000001" }, "080a0a000001"],
  ])("writes option %d", (code, value, hex) => {
    const encoded = encodeSiteOption(code, value);

    expect(encoded.ok && [encoded.value[0], Buffer.from(encoded.value[1]).toString("hex")]).toEqual([
      code,
      hex,
    ]);
  });

  it.each<[number, SiteOptionValue, RegExp]>([
    [0, { hex: "00" }, /not the number/],
    [255, { hex: "00" }, /not the number/],
    [54, { addresses: [address] }, /Ingot's own/],
    [67, { text: "pxelinux.0" }, /Ingot's own/],
    [42, { addresses: [] }, /0 bytes/],
    [100, { text: "caf\u00e9" }, /printable/],
    [100, { text: "x".repeat(256) }, /256 bytes/],
    [119, { domains: ["a..b"] }, /not a domain/],
    [119, { domains: ["x".repeat(64)] }, /not a domain/],
    [26, { hex: "5dc" }, /not hexadecimal/],
  ])("refuses option %d with %j", (code, value, reason) => {
    const encoded = encodeSiteOption(code, value);

    expect(encoded.ok ? "" : encoded.error).toMatch(reason);
  });
});
