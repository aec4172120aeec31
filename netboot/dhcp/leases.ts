import { cidrBroadcast, cidrContains, type Ipv4Address, type MacAddress } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { HostAddress } from "../booter.ts";
import type { LeaseBook } from "./lease-book.ts";
import type { DhcpSettings } from "./settings.ts";

export interface LeaseQuestion {
  readonly mac: MacAddress;
  readonly host: HostAddress;
  /** What the client would like to have (option 50) or has (ciaddr). */
  readonly wanted?: Ipv4Address;
  readonly now: number;
}

export interface LeaseContext {
  readonly settings: DhcpSettings;
  readonly book: LeaseBook;
  readonly isReserved: (address: Ipv4Address) => boolean;
}

/**
 * Chooses a machine's address: its fixed one, which belongs to all of its network cards; else, from the pool, the one it holds or held,
 * the one it wants, the one it was offered, one that nobody ever had, or the one whose lease ended longest ago.
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
  const { book } = context;
  for (const lease of book.leasesOf(question.mac)) {
    if (lease.state === "bound" && isFree(lease.address, question, context)) {
      return ok(lease.address);
    }
  }
  const { wanted, now } = question;
  for (const address of [wanted, book.offerTo(question.mac)]) {
    if (address !== undefined && isFree(address, question, context)) {
      return ok(address);
    }
  }
  const { from, to } = settings.pool;
  const found = book.pool(settings.pool).find(now, {
    endOf: (address) => book.lease(address)?.expiresAt,
    isFree: (address) => isFree(address, question, context),
  });
  return found === undefined ? err(`the pool ${from} to ${to} is used up`) : ok(found);
}

function chooseFixed(
  fixed: Ipv4Address,
  question: LeaseQuestion,
  { settings, book }: LeaseContext,
): Result<Ipv4Address, string> {
  if (!isUsable(fixed, settings)) {
    return err(`its address ${fixed} is not one for ${settings.interfaceName}`);
  }
  const lease = book.lease(fixed);
  return lease?.state === "declined" && lease.expiresAt > question.now
    ? err(`its address ${fixed} was found to be in use by another machine`)
    : ok(fixed);
}

/** Whether the pool may give this address to this machine now. */
function isFree(address: Ipv4Address, question: LeaseQuestion, context: LeaseContext): boolean {
  const { settings, book } = context;
  if (settings.pool === undefined || !book.pool(settings.pool).has(address)) {
    return false;
  }
  if (!isUsable(address, settings) || context.isReserved(address)) {
    return false;
  }
  const lease = book.lease(address);
  if (lease !== undefined && lease.expiresAt > question.now) {
    return lease.state === "bound" && lease.mac === question.mac;
  }
  const offer = book.offer(address);
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
