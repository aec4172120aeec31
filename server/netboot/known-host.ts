/** Which node a machine is that asks for something to boot: the one with its MAC, else the one with its UUID. */
import type { Machine } from "../../netboot/booter.ts";
import type { Host } from "../hosts/host.ts";
import type { Services } from "../services.ts";

/** As many as a node may be given. A machine whose firmware makes addresses up does not fill the registry. */
const mostCards = 16;

/**
 * A card that is met under a node's UUID becomes the node's: its ramdisk and its operating system, and loaders that name their
 * configuration by the card, tell no UUID.
 */
export function knownHost(services: Pick<Services, "hosts" | "log">, machine: Machine): Host | undefined {
  const { hosts, log } = services;
  const { mac, uuid } = machine;
  const known = hosts.byMac(mac);
  if (known !== undefined || uuid === undefined) {
    return known;
  }
  const host = hosts.byUuid(uuid);
  if (host === undefined || host.macs.length >= mostCards) {
    return undefined;
  }
  const found: Host = { ...host, macs: [...host.macs, mac] };
  hosts.replace([found]);
  log.info("A node was known by its UUID, and its card is now", { node: host.name, mac, uuid });
  return found;
}
