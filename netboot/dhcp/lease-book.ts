/** Leases and offers in memory, by address and by machine, and the pools that they are taken from. */
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Lease } from "./lease.ts";
import { Pool, type PoolRange } from "./pool.ts";

interface Offer {
  readonly mac: MacAddress;
  readonly until: number;
}

export class LeaseBook {
  readonly #leases = new Map<Ipv4Address, Lease>();
  readonly #ofMachine = new Map<MacAddress, Set<Ipv4Address>>();
  /** In the order in which they end. */
  readonly #offers = new Map<Ipv4Address, Offer>();
  readonly #offered = new Map<MacAddress, Ipv4Address>();
  readonly #pools = new Map<string, Pool>();

  lease(address: Ipv4Address): Lease | undefined {
    return this.#leases.get(address);
  }

  /** The leases that a machine has or had. */
  *leasesOf(mac: MacAddress): Iterable<Lease> {
    for (const address of this.#ofMachine.get(mac) ?? []) {
      const lease = this.#leases.get(address);
      if (lease !== undefined) {
        yield lease;
      }
    }
  }

  put(lease: Lease): void {
    this.#forget(lease.address);
    this.#leases.set(lease.address, lease);
    const addresses = this.#ofMachine.get(lease.mac) ?? new Set();
    this.#ofMachine.set(lease.mac, addresses.add(lease.address));
    for (const pool of this.#pools.values()) {
      pool.leased(lease.address, lease.expiresAt);
    }
  }

  /** As if the address had never been leased. */
  remove(address: Ipv4Address): void {
    this.#forget(address);
    this.#return(address);
  }

  offer(address: Ipv4Address): Offer | undefined {
    return this.#offers.get(address);
  }

  /** What a machine was offered last: it is offered the same when it asks again. */
  offerTo(mac: MacAddress): Ipv4Address | undefined {
    return this.#offered.get(mac);
  }

  /** Keeps an address for a machine, and no other one. Offers last equally long: a later one ends later. */
  hold(address: Ipv4Address, offer: Offer): void {
    const before = this.#offered.get(offer.mac);
    if (before !== undefined && before !== address) {
      this.#dropOffer(before);
      this.#return(before);
    }
    this.#dropOffer(address);
    this.#offers.set(address, offer);
    this.#offered.set(offer.mac, address);
  }

  /** The offer has become a lease. */
  taken(address: Ipv4Address): void {
    this.#dropOffer(address);
  }

  /** Lets go of offers that nobody took. */
  lapse(now: number): void {
    for (const [address, offer] of this.#offers) {
      if (offer.until > now) {
        return;
      }
      this.#dropOffer(address);
      this.#return(address);
    }
  }

  pool(range: PoolRange): Pool {
    const key = `${range.from}-${range.to}`;
    const known = this.#pools.get(key);
    if (known !== undefined) {
      return known;
    }
    const pool = new Pool(range, this.#leases.values());
    this.#pools.set(key, pool);
    return pool;
  }

  #dropOffer(address: Ipv4Address): void {
    const offer = this.#offers.get(address);
    if (offer !== undefined) {
      this.#offers.delete(address);
      this.#offered.delete(offer.mac);
    }
  }

  #return(address: Ipv4Address): void {
    for (const pool of this.#pools.values()) {
      pool.returned(address, this.#leases.get(address)?.expiresAt);
    }
  }

  #forget(address: Ipv4Address): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) {
      return;
    }
    this.#leases.delete(address);
    const addresses = this.#ofMachine.get(lease.mac);
    addresses?.delete(address);
    if (addresses?.size === 0) {
      this.#ofMachine.delete(lease.mac);
    }
  }
}
