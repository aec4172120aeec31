/** Which subnet a message's sender is in, and the settings that hold there. */
import { cidrContains, type Ipv4Address, ipv4FromBytes } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { option, readNested } from "./options.ts";
import { type DhcpPacket, noAddress } from "./packet.ts";
import type { DhcpSettings } from "./settings.ts";

/** Sub-option of 82: the subnet that the client is in, where the relay's own address does not tell (RFC 3527). */
const linkSelection = 5;
/** Sub-option of 82: the address that the relay's clients shall take for the server, so that they renew through it (RFC 5107). */
const serverOverride = 11;

/**
 * A relay names the subnet by its address or by link selection. A client that renews is not relayed: it is known by the address that it
 * has. Everybody else is on the interface's own wire.
 */
export function settingsFor(request: DhcpPacket, settings: DhcpSettings): Result<DhcpSettings, string> {
  const relayed = request.giaddr !== noAddress;
  const link = relayed ? (relayAddress(request, linkSelection) ?? request.giaddr) : request.ciaddr;
  const serverId = relayed ? relayAddress(request, serverOverride) : undefined;
  const override = serverId === undefined ? {} : { serverId };
  if ((!relayed && link === noAddress) || cidrContains(settings.subnet, link)) {
    return ok({ ...settings, ...override });
  }
  const subnet = (settings.relayed ?? []).find((candidate) => cidrContains(candidate.subnet, link));
  if (subnet === undefined) {
    // An address that is not from here gets its NAK by the rules of the own wire.
    return relayed
      ? err(`the relay ${request.giaddr} speaks for ${link}, which is in no subnet`)
      : ok(settings);
  }
  const { router: _router, pool: _pool, ...common } = settings;
  return ok({ ...common, ...subnet, ...override });
}

function relayAddress(request: DhcpPacket, code: number): Ipv4Address | undefined {
  const value = request.options.get(option.relayAgent);
  const address = value === undefined ? undefined : readNested(value)?.get(code);
  return address?.length === 4 ? ipv4FromBytes(address) : undefined;
}
