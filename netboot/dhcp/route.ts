/** Where a reply goes (RFC 2131 section 4.1). */
import type { Ipv4Address } from "../../base/net-types.ts";
import type { Endpoint } from "../udp.ts";
import { messageType, option, readU8 } from "./options.ts";
import { type DhcpPacket, noAddress } from "./packet.ts";

const clientPort = 68;
const serverPort = 67;
/** PXE boot servers, and proxies that were asked a second time (PXE 2.1 section 2.2.3). */
export const bootServerPort = 4011;

/** How a reply travels. */
export type Route =
  | { readonly kind: "relay" | "unicast" | "back"; readonly to: Endpoint }
  | { readonly kind: "broadcast"; readonly to: Endpoint };

const everyone = "255.255.255.255" as Ipv4Address;

/**
 * Chooses the destination. Where the RFC would unicast to an address that the client does not answer ARP for yet, the reply is
 * broadcast, as the RFC allows and as a socket without link-layer access must.
 */
export function routeReply(
  request: DhcpPacket,
  context: { readonly reply: DhcpPacket; readonly from: Endpoint; readonly port: number },
): Route {
  if (context.port === bootServerPort) {
    return { kind: "back", to: context.from };
  }
  if (request.giaddr !== noAddress) {
    return { kind: "relay", to: { address: request.giaddr, port: serverPort } };
  }
  const isNak = readU8(context.reply.options, option.messageType) === messageType.nak;
  const isDiscover = readU8(request.options, option.messageType) === messageType.discover;
  if (!isNak && !isDiscover && request.ciaddr !== noAddress) {
    return { kind: "unicast", to: { address: request.ciaddr, port: clientPort } };
  }
  return { kind: "broadcast", to: { address: everyone, port: clientPort } };
}
