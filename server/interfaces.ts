/** The configured netboot interfaces, matched with those that the machine has, whether or not their cable is plugged in. */
import { AppError } from "../base/errors.ts";
import { cidrNetwork, type Ipv4Address, type Ipv4Cidr, parseIpv4 } from "../base/net-types.ts";
import { runProcess } from "../base/process.ts";
import type { InterfaceConfig } from "./config/schema.ts";

export interface BootPlace {
  readonly config: InterfaceConfig;
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Cidr;
}

export interface InterfaceAddress {
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Cidr;
}

/** IPv4 addresses by interface name. */
export type Interfaces = ReadonlyMap<string, readonly InterfaceAddress[]>;

/**
 * Asks `ip` (iproute2). Node's own list leaves out interfaces whose link is down, and a server that boots before its switch
 * would find no interface to serve.
 */
export async function listInterfaces(): Promise<Interfaces> {
  const { code, stdout, stderr } = await runProcess(["ip", "-json", "-4", "address", "show"]);
  const all = await runProcess(["ip", "-json", "link", "show"]);
  if (code !== 0 || all.code !== 0) {
    throw new AppError("io", `The network interfaces cannot be listed: ${stderr.trim()}`);
  }
  const names = parseRows(all.stdout).map((row): [string, InterfaceAddress[]] => [String(row.ifname), []]);
  const interfaces = new Map(names);
  for (const row of parseRows(stdout)) {
    const infos = Array.isArray(row.addr_info) ? (row.addr_info as Record<string, unknown>[]) : [];
    interfaces.set(String(row.ifname), infos.flatMap(addressOf));
  }
  return interfaces;
}

/** Finds an interface's address and network; a missing one is an error that names those there are. */
export function findInterface(config: InterfaceConfig, interfaces: Interfaces): BootPlace {
  const addresses = interfaces.get(config.name);
  if (addresses === undefined) {
    throw new AppError("bad-input", `Interface ${config.name} does not exist`, {
      hint: `interfaces here: ${[...interfaces.keys()].join(", ")}`,
    });
  }
  const found =
    config.address === undefined ? addresses[0] : addresses.find(({ address }) => address === config.address);
  if (found === undefined) {
    const has = addresses.map(({ address }) => address).join(", ");
    const wanted =
      config.address === undefined ? "has no IPv4 address" : `does not have the address ${config.address}`;
    throw new AppError("bad-input", `Interface ${config.name} ${wanted}`, {
      hint: has === "" ? "give it one first, in the system's network configuration" : `it has: ${has}`,
    });
  }
  return { config, address: found.address, subnet: config.subnet ?? found.subnet };
}

function parseRows(stdout: Uint8Array): readonly Record<string, unknown>[] {
  const rows: unknown = JSON.parse(Buffer.from(stdout).toString("utf8") || "[]");
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
}

function addressOf(info: Record<string, unknown>): readonly InterfaceAddress[] {
  const address = parseIpv4(String(info.local));
  const prefix = Number(info.prefixlen);
  return address.ok ? [{ address: address.value, subnet: cidrNetwork(address.value, prefix) }] : [];
}
