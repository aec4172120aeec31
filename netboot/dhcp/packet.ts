/**
 * The BOOTP/DHCP message (RFC 951, RFC 2131 section 2).
 *
 *     0        1        2        3
 *     op(1)    htype(1) hlen(1)  hops(1)
 *     xid(4)
 *     secs(2)           flags(2)            bit 15 of flags: answer by broadcast
 *     ciaddr(4)                             the client's address, where it has one
 *     yiaddr(4)                             the address it is given
 *     siaddr(4)                             the next server (TFTP)
 *     giaddr(4)                             the relay that passed it on
 *     chaddr(16)
 *     sname(64)                             a name, or options (option 52)
 *     file(128)                             a boot file name, or options (option 52)
 *     99 130 83 99, options …               code, length, value; 0 is padding, 255 the end
 */
import { ByteReader, Truncated } from "../../base/byte-cursor.ts";
import { concatBytes, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import { type Ipv4Address, ipv4FromBytes, ipv4ToNumber } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { type Options, option } from "./options.ts";

export interface DhcpPacket {
  /** 1: from a client, 2: from a server. */
  readonly op: 1 | 2;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4Address;
  readonly yiaddr: Ipv4Address;
  readonly siaddr: Ipv4Address;
  readonly giaddr: Ipv4Address;
  /** All sixteen bytes. */
  readonly chaddr: Uint8Array;
  /** Latin-1 text up to the first NUL; empty where the field holds options. */
  readonly sname: string;
  readonly file: string;
  readonly options: Options;
}

export const noAddress = "0.0.0.0" as Ipv4Address;
export const broadcastFlag = 0x8000;

const cookie = 0x63825363;
const headerLength = 240;
/** BOOTP relays and old clients drop shorter messages (RFC 1542 section 2.1). */
const minimumLength = 300;
/** What every client must take (RFC 2131 section 2): 576 bytes of IP, less IP and UDP headers. */
export const defaultMaximumLength = 548;

/** Reads a message. Options in `file` and `sname` are joined to the rest, parts of long ones to one value (RFC 3396). */
export function decodePacket(bytes: Uint8Array): Result<DhcpPacket, string> {
  try {
    return readPacket(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof Truncated) {
      return err(`the message is cut short: ${error.message}`);
    }
    throw error;
  }
}

function readPacket(reader: ByteReader): Result<DhcpPacket, string> {
  const op = reader.u8();
  if (op !== 1 && op !== 2) {
    return err(`op ${op} is neither request nor reply`);
  }
  const [htype, hlen, hops] = [reader.u8(), reader.u8(), reader.u8()];
  if (hlen > 16) {
    return err(`hardware address length ${hlen} is over 16`);
  }
  const [xid, secs, flags] = [reader.u32(), reader.u16(), reader.u16()];
  const ciaddr = ipv4FromBytes(reader.bytes(4));
  const yiaddr = ipv4FromBytes(reader.bytes(4));
  const siaddr = ipv4FromBytes(reader.bytes(4));
  const giaddr = ipv4FromBytes(reader.bytes(4));
  const chaddr = reader.bytes(16).slice();
  const [sname, file] = [reader.bytes(64), reader.bytes(128)];
  if (reader.u32() !== cookie) {
    return err("the message is BOOTP without DHCP's magic cookie");
  }
  const parts = new Map<number, Uint8Array[]>();
  readOptions(reader.rest(), parts);
  const overload = parts.get(option.overload)?.[0]?.[0] ?? 0;
  parts.delete(option.overload);
  if ((overload & 1) !== 0) {
    readOptions(file, parts);
  }
  if ((overload & 2) !== 0) {
    readOptions(sname, parts);
  }
  return ok({
    ...{ op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr },
    sname: (overload & 2) === 0 ? untilNul(sname) : "",
    file: (overload & 1) === 0 ? untilNul(file) : "",
    options: new Map([...parts].map(([code, values]) => [code, concatBytes(values)])),
  });
}

function readOptions(bytes: Uint8Array, parts: Map<number, Uint8Array[]>): void {
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const code = reader.u8();
    if (code === option.end) {
      return;
    }
    if (code === option.pad) {
      continue;
    }
    const value = reader.bytes(reader.u8());
    const known = parts.get(code);
    if (known === undefined) {
      parts.set(code, [value]);
    } else {
      known.push(value);
    }
  }
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return toLatin1(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Writes a message of at most `maximum` bytes. Options that do not fit after the header go into `file` and `sname` where those are
 * free; what fits nowhere is left out, the last in order first. Option 82 always comes last (RFC 3046 section 2.2).
 */
export function encodePacket(packet: DhcpPacket, maximum: number = defaultMaximumLength): Uint8Array {
  const relay = optionBytes(packet.options, option.relayAgent);
  const room = Math.max(maximum, defaultMaximumLength) - headerLength - relay.length - 1;
  const pieces = [...packet.options.keys()]
    .filter((code) => ![option.relayAgent, option.overload, option.end, option.pad].some((no) => no === code))
    .map((code) => optionBytes(packet.options, code));
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const placed = total <= room ? { main: pieces, file: [], sname: [] } : spread(packet, pieces, room - 3);
  const overload = (placed.file.length > 0 ? 1 : 0) + (placed.sname.length > 0 ? 2 : 0);
  const message = concatBytes([
    header(packet, {
      sname: field(placed.sname, { length: 64, text: packet.sname }),
      file: field(placed.file, { length: 128, text: packet.file }),
    }),
    ...placed.main,
    ...(overload === 0 ? [] : [Uint8Array.of(option.overload, 1, overload)]),
    relay,
    Uint8Array.of(option.end),
  ]);
  return message.length < minimumLength ? fixed(message, minimumLength) : message;
}

function header(
  packet: DhcpPacket,
  fields: { readonly sname: Uint8Array; readonly file: Uint8Array },
): Uint8Array {
  const bytes = new Uint8Array(headerLength);
  const view = new DataView(bytes.buffer);
  bytes.set([packet.op, packet.htype, packet.hlen, packet.hops]);
  view.setUint32(4, packet.xid);
  view.setUint16(8, packet.secs);
  view.setUint16(10, packet.flags);
  for (const [index, address] of [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr].entries()) {
    view.setUint32(12 + 4 * index, ipv4ToNumber(address));
  }
  bytes.set(packet.chaddr.subarray(0, 16), 28);
  bytes.set(fields.sname, 44);
  bytes.set(fields.file, 108);
  view.setUint32(236, cookie);
  return bytes;
}

interface Areas {
  readonly main: Uint8Array[];
  readonly file: Uint8Array[];
  readonly sname: Uint8Array[];
}

/** Puts each option into the first area that has room for all of it. */
function spread(packet: DhcpPacket, pieces: readonly Uint8Array[], room: number): Areas {
  const areas: Areas = { main: [], file: [], sname: [] };
  const free = [
    { list: areas.main, left: room },
    { list: areas.file, left: packet.file === "" ? 127 : 0 },
    { list: areas.sname, left: packet.sname === "" ? 63 : 0 },
  ];
  for (const piece of pieces) {
    const area = free.find(({ left }) => left >= piece.length);
    if (area !== undefined) {
      area.list.push(piece);
      area.left -= piece.length;
    }
  }
  return areas;
}

/** An option's bytes with code and length; over 255 bytes it is split (RFC 3396); absent, nothing. */
function optionBytes(options: Options, code: number): Uint8Array {
  const value = options.get(code);
  if (value === undefined) {
    return new Uint8Array(0);
  }
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const part = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, part.length), part);
    at += 255;
  } while (at < value.length);
  return concatBytes(parts);
}

function field(
  pieces: readonly Uint8Array[],
  options: { readonly length: number; readonly text: string },
): Uint8Array {
  return pieces.length === 0
    ? fixed(fromLatin1(options.text), options.length)
    : fixed(concatBytes([...pieces, Uint8Array.of(option.end)]), options.length);
}

function fixed(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(bytes.subarray(0, length));
  return out;
}
