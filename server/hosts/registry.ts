import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Host, HostName } from "./host.ts";

/** All nodes that Ingot knows. Every change is durable when the call returns. Names, MACs, UUIDs and addresses belong to one node. */
export interface HostRegistry {
  /** All nodes, by name. */
  list(): readonly Host[];
  get(name: HostName): Host | undefined;
  /** Asked for every DHCP and boot request. */
  byMac(mac: MacAddress): Host | undefined;
  byUuid(uuid: string): Host | undefined;
  byAddress(address: Ipv4Address): Host | undefined;
  /** Adds all or none; `conflict` names the node, MAC, UUID or address that is taken. */
  add(hosts: readonly Host[]): void;
  /** Replaces all or none; `not-found`, `conflict`. */
  replace(hosts: readonly Host[]): void;
  /** Removes all or none. */
  remove(names: readonly HostName[]): void;
}
