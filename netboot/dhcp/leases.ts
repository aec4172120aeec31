import {
  cidrBroadcast,
  cidrContains,
  type Ipv4Address,
  ipv4FromNumber,
  ipv4ToNumber,
  type MacAddress,
} from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { HostAddress } from "../booter.ts";
import type { DhcpSettings } from "./settings.ts";

/** An address that a machine holds until `expiresAt` (Unix milliseconds). */
export interface Lease {
  readonly address: Ipv4Address;
  readonly mac: MacAddress;
  readonly hostname: string;
  readonly expiresAt: number;
  /** `declined`: the client found the address in use by somebody else; nobody gets it until `expiresAt`. */
  readonly state: "bound" | "declined";
}

/** Where leases survive. `put` and `remove` return (or resolve) only when the change is durable: the ACK waits for them. */
export interface LeaseStore {
  /** All leases, also expired ones: they tell who had an address last. Called once, at start. */
  load(): readonly Lease[] | Promise<readonly Lease[]>;
  put(lease: Lease): void | Promise<void>;
  remove(address: Ipv4Address): void | Promise<void>;
}

export interface LeaseQuestion {
  readonly mac: MacAddress;
  readonly host: HostAddress;
  /** What the client would like to have (option 50) or has (ciaddr). */
  readonly wanted?: Ipv4Address;
  readonly now: number;
}

export interface LeaseContext {
  readonly settings: DhcpSettings;
  readonly leases: ReadonlyMap<Ipv4Address, Lease>;
  /** Addresses that were offered to somebody a moment ago. */
  readonly offers: ReadonlyMap<Ipv4Address, { readonly mac: MacAddress; readonly until: number }>;
  readonly isReserved: (address: Ipv4Address) => boolean;
}

/**
 * Chooses a machine's address: its fixed one, which belongs to all of its network cards; else, from the pool, the one it holds or held,
 * the one it wants, one that nobody ever had, or the one whose lease ended longest ago.
 */
export function chooseAddress(question: LeaseQuestion, context: LeaseContext): Result<Ipv4Address, string> {
  const { settings } = context;
  const fixed = question.host.address;
  if (fixed !== undefined) {
    return chooseFixed(fixed, question, context);
  }
  if (settings.pool === undefined) {
    return err(`the machine has no address of its own, and ${settings.interfaceName} has no pool`);
  }
  const held = [...context.leases.values()].find(
    (lease) =>
      lease.mac === question.mac && lease.state === "bound" && isFree(lease.address, question, context),
  );
  const candidates = [held?.address, question.wanted].filter((address) => address !== undefined);
  const first = candidates.find((address) => isFree(address, question, context));
  return first === undefined ? searchPool(question, context) : ok(first);
}

function chooseFixed(
  fixed: Ipv4Address,
  question: LeaseQuestion,
  { settings, leases }: LeaseContext,
): Result<Ipv4Address, string> {
  if (!isUsable(fixed, settings)) {
    return err(`its address ${fixed} is not one for ${settings.interfaceName}`);
  }
  const lease = leases.get(fixed);
  return lease?.state === "declined" && lease.expiresAt > question.now
    ? err(`its address ${fixed} was found to be in use by another machine`)
    : ok(fixed);
}

function searchPool(question: LeaseQuestion, context: LeaseContext): Result<Ipv4Address, string> {
  const { from, to } = context.settings.pool ?? { from: undefined, to: undefined };
  if (from === undefined || to === undefined) {
    return err("there is no pool");
  }
  let oldest: Lease | undefined;
  for (let number = ipv4ToNumber(from); number <= ipv4ToNumber(to); number++) {
    const address = ipv4FromNumber(number);
    if (!isFree(address, question, context)) {
      continue;
    }
    const lease = context.leases.get(address);
    if (lease === undefined) {
      return ok(address);
    }
    oldest = oldest === undefined || lease.expiresAt < oldest.expiresAt ? lease : oldest;
  }
  return oldest === undefined ? err(`the pool ${from} to ${to} is used up`) : ok(oldest.address);
}

/** Whether the pool may give this address to this machine now. */
function isFree(address: Ipv4Address, question: LeaseQuestion, context: LeaseContext): boolean {
  const { pool } = context.settings;
  const number = ipv4ToNumber(address);
  if (pool === undefined || number < ipv4ToNumber(pool.from) || number > ipv4ToNumber(pool.to)) {
    return false;
  }
  if (!isUsable(address, context.settings) || context.isReserved(address)) {
    return false;
  }
  const lease = context.leases.get(address);
  if (lease !== undefined && lease.expiresAt > question.now) {
    return lease.state === "bound" && lease.mac === question.mac;
  }
  const offer = context.offers.get(address);
  return offer === undefined || offer.until <= question.now || offer.mac === question.mac;
}

/** A host's address on this subnet: not the network's, not the broadcast, not the server's or router's. */
function isUsable(address: Ipv4Address, settings: DhcpSettings): boolean {
  const { subnet } = settings;
  const isEdge = subnet.prefix < 31 && (address === subnet.network || address === cidrBroadcast(subnet));
  return (
    cidrContains(subnet, address) && !isEdge && address !== settings.address && address !== settings.router
  );
}
