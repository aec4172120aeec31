import { describe, expect, it } from "vitest";
import {
  cidrBroadcast,
  cidrContains,
  cidrNetmask,
  type Ipv4Address,
  ipv4FromBytes,
  ipv4FromNumber,
  ipv4ToBytes,
  ipv4ToNumber,
  macFromBytes,
  macToBytes,
  parseCidr,
  parseIpv4,
  parseMac,
} from "../../base/net-types.ts";

describe("parseMac()", () => {
  it.each([
    ["52:54:00:AB:cd:ef", "52:54:00:ab:cd:ef"],
    ["52-54-00-ab-cd-ef", "52:54:00:ab:cd:ef"],
    ["525400abcdef", "52:54:00:ab:cd:ef"],
  ])("reads %s", (given, expected) => {
    const parsed = parseMac(given);

    expect(parsed).toEqual({ ok: true, value: expected });
    expect(parsed.ok && macFromBytes(macToBytes(parsed.value))).toBe(expected);
  });

  it.each([["52:54:00:ab:cd"], ["52:54:00:ab:cd:eg"], [""]])("refuses %j", (given) => {
    expect(parseMac(given).ok).toBe(false);
  });
});

describe("parseIpv4()", () => {
  it.each([["10.0.0.1"], ["255.255.255.255"], ["0.0.0.0"]])("reads %s and converts it both ways", (given) => {
    const address = given as Ipv4Address;

    expect(parseIpv4(given)).toEqual({ ok: true, value: given });
    expect(ipv4FromNumber(ipv4ToNumber(address))).toBe(given);
    expect(ipv4FromBytes(ipv4ToBytes(address))).toBe(given);
  });

  it.each([["10.0.0"], ["10.0.0.256"], ["010.0.0.1"], ["10.0.0.1 "], ["::1"]])("refuses %j", (given) => {
    expect(parseIpv4(given).ok).toBe(false);
  });
});

describe("parseCidr()", () => {
  it("clears host bits and knows mask, broadcast and members", () => {
    const cidr = parseCidr("10.1.2.77/26");
    if (!cidr.ok) {
      throw new Error(cidr.error);
    }

    expect(cidr.value.network).toBe("10.1.2.64");
    expect(cidrNetmask(cidr.value)).toBe("255.255.255.192");
    expect(cidrBroadcast(cidr.value)).toBe("10.1.2.127");
    expect(cidrContains(cidr.value, "10.1.2.127" as Ipv4Address)).toBe(true);
    expect(cidrContains(cidr.value, "10.1.2.128" as Ipv4Address)).toBe(false);
  });

  it.each([["10.1.2.0"], ["10.1.2.0/33"], ["10.1.2.0/-1"], ["10.1.2.0/24/1"]])("refuses %j", (given) => {
    expect(parseCidr(given).ok).toBe(false);
  });
});
