/**
 * The `dhcp` package's codec, with every option redefined as raw bytes: a reader and writer that shares no code with ours.
 * docs/decisions/0013-doctor-on-the-wire.md says what it is trusted with.
 */
import options from "dhcp/lib/options.js";
import protocol from "dhcp/lib/protocol.js";
import { type Ipv4Address, macFromBytes, macToBytes, parseMac } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { DhcpPacket } from "../dhcp/packet.ts";

/** BOOTP relays and old servers drop shorter messages (RFC 1542 section 2.1). */
const minimumLength = 300;

for (let code = 1; code < 255; code++) {
  options.addOption(code, { name: `option ${code}`, type: "UInt8s" });
}

/** Writes a message as the package does: options by rising number. */
export function encodeByPeer(packet: DhcpPacket): Uint8Array {
  const written = protocol.format({
    ...packet,
    chaddr: macFromBytes(packet.chaddr),
    options: Object.fromEntries([...packet.options].map(([code, value]) => [String(code), [...value]])),
  });
  const bytes = new Uint8Array(Math.max(written._w, minimumLength));
  bytes.set(written._data.subarray(0, written._w));
  return bytes;
}

/** Reads a message as the package does: without option overload, long options, or padding between options. */
export function decodeByPeer(bytes: Uint8Array): Result<DhcpPacket, string> {
  try {
    const message = protocol.parse(Buffer.from(bytes));
    const mac = parseMac(message.chaddr);
    const chaddr = new Uint8Array(16);
    chaddr.set(mac.ok ? macToBytes(mac.value) : []);
    return ok({
      ...message,
      op: message.op === 1 ? 1 : 2,
      ciaddr: message.ciaddr as Ipv4Address,
      yiaddr: message.yiaddr as Ipv4Address,
      siaddr: message.siaddr as Ipv4Address,
      giaddr: message.giaddr as Ipv4Address,
      chaddr,
      options: new Map(
        Object.entries(message.options).map(([code, value]) => [Number(code), Uint8Array.from(value)]),
      ),
    });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}
