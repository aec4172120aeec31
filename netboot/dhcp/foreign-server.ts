import { cidrContains, type Ipv4Address } from "../../base/net-types.ts";
import { messageType, option, readAddress, readU8 } from "./options.ts";
import type { DhcpPacket } from "./packet.ts";
import type { DhcpSettings } from "./settings.ts";

/**
 * The other DHCP server that a client chose, as its broadcast REQUEST tells everybody. Broadcasts of other interfaces are heard too, so
 * only those count that are about this subnet.
 */
export function foreignServer(request: DhcpPacket, settings: DhcpSettings): Ipv4Address | undefined {
  const server = readAddress(request.options, option.serverId);
  const isRequest = readU8(request.options, option.messageType) === messageType.request;
  if (!isRequest || server === undefined || [settings.address, settings.serverId].includes(server)) {
    return undefined;
  }
  const requested = readAddress(request.options, option.requestedAddress);
  const isHere = [server, requested].some(
    (address) => address !== undefined && cidrContains(settings.subnet, address),
  );
  return isHere ? server : undefined;
}
