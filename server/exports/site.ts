/** The inventory and networks as exports need them, and what an export is: files, as pure functions of that. */
import type { Ipv4Address, Ipv4Cidr, MacAddress } from "../../base/net-types.ts";
import { cidrContains, ipv4FromNumber, ipv4ToNumber } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { LoaderTarget } from "../../netboot/arch.ts";
import type { EncodedOption } from "../../netboot/dhcp/site-option.ts";

export interface ExportNode {
  readonly name: string;
  readonly macs: readonly MacAddress[];
  /** Of its mainboard, lower case: what it is known by where it has no MACs. */
  readonly uuid?: string;
  readonly ip?: Ipv4Address;
  readonly groups: readonly string[];
  /** Where it stands, what it does, what it is: for DNS. */
  readonly location?: string;
  readonly role?: string;
  readonly hardware?: string;
}

/** A subnet where nodes get their addresses, and the Ingot server that they boot from. */
export interface ExportNetwork {
  readonly interfaceName: string;
  readonly subnet: Ipv4Cidr;
  readonly router?: Ipv4Address;
  readonly dns: readonly Ipv4Address[];
  readonly domain?: string;
  readonly leaseSeconds: number;
  /** What else the site wants its machines told: codes that none of the settings above says. */
  readonly options: readonly EncodedOption[];
  readonly loaders: Readonly<Partial<Record<LoaderTarget, string>>>;
  /** Those that came with the server's flavors. */
  readonly flavorLoaders?: readonly string[];
  readonly pool?: { readonly from: Ipv4Address; readonly to: Ipv4Address };
  /** TFTP server, and the host of `httpBase`. */
  readonly server: Ipv4Address;
  readonly httpBase: string;
}

export interface ExportSite {
  readonly nodes: readonly ExportNode[];
  readonly networks: readonly ExportNetwork[];
  /** The domain of node names without one. */
  readonly domain?: string;
}

export interface ExportFile {
  /** Relative to the output folder. */
  readonly name: string;
  readonly text: string;
}

export type Render = (site: ExportSite) => Result<readonly ExportFile[], string>;

export const notice = "Made by 'ingot export' from the inventory: changes here are lost at the next export.";

/** Domain names come from a free-form setting and go into other programs' files. */
export function checkDomain(domain: string): Result<string, string> {
  const labels = domain.toLowerCase().replace(/\.$/, "").split(".");
  return domain.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/.test(label))
    ? ok(labels.join("."))
    : err(`'${domain}' is not a domain name`);
}

/** A node's name within the domain: the whole name and the short one. */
export function fullName(node: ExportNode, domain: string | undefined): string {
  return node.name.includes(".") || domain === undefined ? node.name : `${node.name}.${domain}`;
}

export interface Reservation {
  /** `n1`, for its further cards `n1-2`, `n1-3`. */
  readonly label: string;
  readonly mac: MacAddress;
  readonly node: ExportNode & { readonly ip: Ipv4Address };
}

/** One per card of every node with an address in the network. */
export function reservations(site: ExportSite, network: ExportNetwork): readonly Reservation[] {
  return site.nodes.flatMap((node) => {
    const { ip } = node;
    return ip === undefined || !cidrContains(network.subnet, ip)
      ? []
      : node.macs.map((mac, index) => ({
          label: index === 0 ? node.name : `${node.name}-${index + 1}`,
          mac,
          node: { ...node, ip },
        }));
  });
}

export interface UuidNode {
  readonly uuid: string;
  readonly node: ExportNode;
  /** In this network; absent: one of the pool. */
  readonly ip?: Ipv4Address;
}

/** Nodes that have an address in the network, or shall have one of its pool, and are known by their UUID alone. */
export function uuidNodes(site: ExportSite, network: ExportNetwork): readonly UuidNode[] {
  return site.nodes.flatMap((node) => {
    const { uuid, ip, macs } = node;
    if (uuid === undefined || macs.length > 0) {
      return [];
    }
    if (ip === undefined) {
      return network.pool === undefined ? [] : [{ uuid, node }];
    }
    return cidrContains(network.subnet, ip) ? [{ uuid, node, ip }] : [];
  });
}

export type AddressRange = NonNullable<ExportNetwork["pool"]>;

/** The pool without addresses that are one machine's own: other servers let no two ranges overlap. */
export function poolWithout(
  pool: AddressRange | undefined,
  taken: readonly Ipv4Address[],
): readonly AddressRange[] {
  if (pool === undefined) {
    return [];
  }
  const last = ipv4ToNumber(pool.to);
  const ranges: AddressRange[] = [];
  let from = ipv4ToNumber(pool.from);
  for (const address of [...new Set(taken)].map(ipv4ToNumber).sort((a, b) => a - b)) {
    if (address >= from && address <= last) {
      if (address > from) {
        ranges.push({ from: ipv4FromNumber(from), to: ipv4FromNumber(address - 1) });
      }
      from = address + 1;
    }
  }
  return from > last ? ranges : [...ranges, { from: ipv4FromNumber(from), to: pool.to }];
}

/** Cards of nodes that shall have an address of a pool. */
export function pooledNodes(site: ExportSite): readonly ExportNode[] {
  return site.nodes.filter(({ ip, macs }) => ip === undefined && macs.length > 0);
}

/** Networks of a site that has any, each domain checked. */
export function checkedNetworks(site: ExportSite): Result<readonly ExportNetwork[], string> {
  if (site.networks.length === 0) {
    return err("no interface is configured in netboot.interfaces, so there is no network to export");
  }
  for (const { domain } of site.networks) {
    const checked = domain === undefined ? ok("") : checkDomain(domain);
    if (!checked.ok) {
      return checked;
    }
  }
  return ok(site.networks);
}
