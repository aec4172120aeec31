/** DHCP options (RFC 2132 and those named beside each): numbers, and the value forms that are used here. */
import { concatBytes, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import { type Ipv4Address, ipv4FromBytes, ipv4ToBytes } from "../../base/net-types.ts";

export const option = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  dns: 6,
  hostName: 12,
  domainName: 15,
  broadcast: 28,
  vendorInfo: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  bootFile: 67,
  userClass: 77, // RFC 3004
  relayAgent: 82, // RFC 3046
  clientArch: 93, // RFC 4578
  clientUuid: 97, // RFC 4578
  ipxe: 175, // iPXE's own: encapsulated features and settings
  end: 255,
} as const;

export const messageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** `offer`, `ack` …, for logs. */
export function messageTypeName(options: Options): string {
  const code = readU8(options, option.messageType);
  return Object.entries(messageType).find(([, value]) => value === code)?.[0] ?? "reply";
}

/** Options by number, each a raw value; in the order in which they came or shall be written. */
export type Options = ReadonlyMap<number, Uint8Array>;

export function readU8(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 1 ? value[0] : undefined;
}

export function readU16(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value === undefined || value.length < 2
    ? undefined
    : (value[0] as number) * 256 + (value[1] as number);
}

/** A look at a message that is not read yet: clients write the message type first. */
export function isDiscover(message: Uint8Array): boolean {
  return message[240] === option.messageType && message[242] === messageType.discover;
}

export function readAddress(options: Options, code: number): Ipv4Address | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** Text up to the first NUL, some clients end it so; undefined where it is not printable ASCII. */
export function readText(options: Options, code: number): string | undefined {
  const value = options.get(code);
  const text = value === undefined ? undefined : toLatin1(value).replace(/\0[\s\S]*$/, "");
  return text !== undefined && /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

export function u32Value(value: number): Uint8Array {
  const whole = Math.min(Math.max(Math.floor(value), 0), 0xffffffff);
  return Uint8Array.of((whole >>> 24) & 255, (whole >>> 16) & 255, (whole >>> 8) & 255, whole & 255);
}

export function addressesValue(addresses: readonly Ipv4Address[]): Uint8Array {
  return concatBytes(addresses.map(ipv4ToBytes));
}

export function textValue(text: string): Uint8Array {
  return fromLatin1(text);
}

/** Options inside an option (43, 82, 175): the same form, no overload. Undefined where a length runs over the end. */
export function readNested(value: Uint8Array): Options | undefined {
  const nested = new Map<number, Uint8Array>();
  for (let at = 0; at < value.length; ) {
    const code = value[at] as number;
    if (code === option.end) {
      break;
    }
    if (code === option.pad) {
      at += 1;
      continue;
    }
    const length = value[at + 1];
    if (length === undefined || at + 2 + length > value.length) {
      return undefined;
    }
    nested.set(code, value.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return nested;
}
