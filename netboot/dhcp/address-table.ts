/** Who has which address, who was offered one a moment ago, and which are set aside; kept in memory and in the lease store. */
import { AppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Clock } from "../../base/ports.ts";
import type { Duration } from "../../base/quantity.ts";
import type { Result } from "../../base/result.ts";
import type { AddressBook } from "../booter.ts";
import type { Lease, LeaseStore } from "./lease.ts";
import { LeaseBook } from "./lease-book.ts";
import { chooseAddress, type LeaseQuestion } from "./leases.ts";
import type { DhcpSettings } from "./settings.ts";

/** How long an offered address is kept for who got the offer. */
const offerTime = 60_000;
/** How long nobody gets an address that was found to be in use. */
const setAsideTime = 600_000;

/** Who an address is written down for. */
export interface Holder {
  readonly mac: MacAddress;
  readonly hostname: string;
}

export class AddressTable {
  readonly #store: LeaseStore;
  readonly #book: AddressBook;
  readonly #clock: Clock;
  readonly #leases = new LeaseBook();

  constructor(parts: {
    readonly leases: LeaseStore;
    readonly addresses: AddressBook;
    readonly clock: Clock;
  }) {
    this.#store = parts.leases;
    this.#book = parts.addresses;
    this.#clock = parts.clock;
  }

  async load(): Promise<void> {
    for (const lease of await this.#store.load()) {
      this.#leases.put(lease);
    }
  }

  /** The address that is a machine's now, or why it can have none. */
  choose(question: Omit<LeaseQuestion, "now">, settings: DhcpSettings): Result<Ipv4Address, string> {
    const now = this.#clock.now();
    this.#leases.lapse(now);
    return chooseAddress(
      { ...question, now },
      { settings, book: this.#leases, isReserved: (candidate) => this.#book.isReserved(candidate) },
    );
  }

  /** Whose lease of the address runs. */
  holderOf(address: Ipv4Address): Holder | undefined {
    const lease = this.#leases.lease(address);
    return lease?.state === "bound" && lease.expiresAt > this.#clock.now() ? lease : undefined;
  }

  /** Keeps an offered address for a moment. */
  hold(address: Ipv4Address, mac: MacAddress): void {
    this.#leases.hold(address, { mac, until: this.#clock.now() + offerTime });
  }

  async bind(address: Ipv4Address, lease: Holder & { readonly time: Duration }): Promise<void> {
    const { mac, hostname, time } = lease;
    await this.#put({ address, mac, hostname, expiresAt: this.#clock.now() + time, state: "bound" });
  }

  /** Gives the address to nobody for a while; the holder is who has it, or who found out. */
  async setAside(address: Ipv4Address, { mac, hostname }: Holder): Promise<void> {
    const expiresAt = this.#clock.now() + setAsideTime;
    await this.#put({ address, mac, hostname, expiresAt, state: "declined" });
  }

  /** Ends the lease now. Who had it is remembered, and has it again if it comes back in time (RFC 2131 section 4.3.4). */
  async release(address: Ipv4Address): Promise<void> {
    const lease = this.#leases.lease(address);
    if (lease !== undefined) {
      await this.#put({ ...lease, expiresAt: this.#clock.now() });
    }
  }

  /** Marks the address at once and waits until that is durable; where it cannot be, nobody is told of it. */
  async #put(lease: Lease): Promise<void> {
    const before = this.#leases.lease(lease.address);
    this.#leases.put(lease);
    try {
      await this.#store.put(lease);
    } catch (error) {
      if (this.#leases.lease(lease.address) === lease) {
        this.#restore(lease.address, before);
      }
      throw new AppError("io", `Lease of ${lease.address} for ${lease.mac} could not be stored`, {
        cause: error,
      });
    }
    this.#leases.taken(lease.address);
  }

  #restore(address: Ipv4Address, before: Lease | undefined): void {
    if (before === undefined) {
      this.#leases.remove(address);
    } else {
      this.#leases.put(before);
    }
  }
}
