import type { Brand } from "./brand.ts";
import { err, ok, type Result } from "./result.ts";

/** An Ethernet address: lower-case hex pairs joined by colons, `52:54:00:12:34:56`. */
export type MacAddress = Brand<string, "MacAddress">;
/** An IPv4 address in dotted quad form without leading zeros. */
export type Ipv4Address = Brand<string, "Ipv4Address">;
/** An IPv4 network: its address (host bits zero) and prefix length. */
export interface Ipv4Cidr {
  readonly network: Ipv4Address;
  readonly prefix: number;
}

/** Parses `52:54:00:12:34:56`, with `-` or `.` as separators, or twelve digits. */
export function parseMac(text: string): Result<MacAddress, string> {
  const digits = text.trim().toLowerCase().replace(/[:.-]/g, "");
  if (!/^[0-9a-f]{12}$/.test(digits)) {
    return err(`'${text}' is not a MAC address (six hex pairs, such as 52:54:00:12:34:56)`);
  }
  return ok((digits.match(/../g) ?? []).join(":") as MacAddress);
}

export function macToBytes(mac: MacAddress): Uint8Array {
  return Uint8Array.from(mac.split(":"), (pair) => Number.parseInt(pair, 16));
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The address of six bytes; more are cut (a BOOTP chaddr field has sixteen). */
export function macFromBytes(bytes: Uint8Array): MacAddress {
  return Array.from(bytes.subarray(0, 6), (byte) => hexPairs[byte]).join(":") as MacAddress;
}

export function parseIpv4(text: string): Result<Ipv4Address, string> {
  const parts = text.split(".");
  const valid =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return valid ? ok(text as Ipv4Address) : err(`'${text}' is not an IPv4 address`);
}

/** The address as an unsigned 32-bit number in host order. */
export function ipv4ToNumber(address: Ipv4Address): number {
  // Asked several times for each DHCP message: read in one pass.
  let value = 0;
  let part = 0;
  for (let index = 0; index < address.length; index++) {
    const char = address.charCodeAt(index);
    if (char === dot) {
      value = value * 256 + part;
      part = 0;
    } else {
      part = part * 10 + char - zero;
    }
  }
  return value * 256 + part;
}

const [dot, zero] = [0x2e, 0x30];

export function ipv4FromNumber(value: number): Ipv4Address {
  const low = value % 2 ** 24;
  return `${Math.floor(value / 2 ** 24) % 256}.${low >>> 16}.${(low >>> 8) & 255}.${low & 255}` as Ipv4Address;
}

export function ipv4ToBytes(address: Ipv4Address): Uint8Array {
  const value = ipv4ToNumber(address);
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function ipv4FromBytes(bytes: Uint8Array): Ipv4Address {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ipv4Address;
}

/** Parses `10.1.2.0/24`; host bits are cleared. */
export function parseCidr(text: string): Result<Ipv4Cidr, string> {
  const [address, prefixText, ...rest] = text.split("/");
  const parsed = parseIpv4(address ?? "");
  const prefix = Number(prefixText);
  if (!parsed.ok || rest.length > 0 || !/^\d{1,2}$/.test(prefixText ?? "") || prefix > 32) {
    return err(`'${text}' is not an IPv4 network (such as 10.1.2.0/24)`);
  }
  return ok(cidrNetwork(parsed.value, prefix));
}

/** The network that an address with this prefix length is in. */
export function cidrNetwork(address: Ipv4Address, prefix: number): Ipv4Cidr {
  const value = ipv4ToNumber(address);
  return { network: ipv4FromNumber(value - (value % 2 ** (32 - prefix))), prefix };
}

export function cidrContains(cidr: Ipv4Cidr, address: Ipv4Address): boolean {
  const size = 2 ** (32 - cidr.prefix);
  return Math.floor(ipv4ToNumber(cidr.network) / size) === Math.floor(ipv4ToNumber(address) / size);
}

export function cidrNetmask(cidr: Ipv4Cidr): Ipv4Address {
  return ipv4FromNumber(2 ** 32 - 2 ** (32 - cidr.prefix));
}

export function cidrBroadcast(cidr: Ipv4Cidr): Ipv4Address {
  return ipv4FromNumber(ipv4ToNumber(cidr.network) + 2 ** (32 - cidr.prefix) - 1);
}

export function formatCidr(cidr: Ipv4Cidr): string {
  return `${cidr.network}/${cidr.prefix}`;
}
