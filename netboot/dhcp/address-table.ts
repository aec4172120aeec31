/** Who has which address, who was offered one a moment ago, and which are set aside; kept in memory and in the lease store. */
import { AppError } from "../../base/errors.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import type { Clock } from "../../base/ports.ts";
import type { Duration } from "../../base/quantity.ts";
import type { Result } from "../../base/result.ts";
import type { AddressBook } from "../booter.ts";
import { chooseAddress, type Lease, type LeaseQuestion, type LeaseStore } from "./leases.ts";
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
  readonly #leases = new Map<Ipv4Address, Lease>();
  readonly #offers = new Map<Ipv4Address, { readonly mac: MacAddress; readonly until: number }>();

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
      this.#leases.set(lease.address, lease);
    }
  }

  /** The address that is a machine's now, or why it can have none. */
  choose(question: Omit<LeaseQuestion, "now">, settings: DhcpSettings): Result<Ipv4Address, string> {
    return chooseAddress(
      { ...question, now: this.#clock.now() },
      {
        settings,
        leases: this.#leases,
        offers: this.#offers,
        isReserved: (candidate) => this.#book.isReserved(candidate),
      },
    );
  }

  /** Whether a machine's lease of the address runs. */
  isHeldBy(address: Ipv4Address, mac: MacAddress): boolean {
    const lease = this.#leases.get(address);
    return lease?.mac === mac && lease.state === "bound" && lease.expiresAt > this.#clock.now();
  }

  /** Keeps an offered address for a moment. */
  hold(address: Ipv4Address, mac: MacAddress): void {
    const now = this.#clock.now();
    for (const [held, offer] of this.#offers) {
      if (offer.until <= now) {
        this.#offers.delete(held);
      }
    }
    this.#offers.set(address, { mac, until: now + offerTime });
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

  async release(address: Ipv4Address): Promise<void> {
    this.#leases.delete(address);
    await this.#store.remove(address);
  }

  /** Marks the address at once and waits until that is durable; where it cannot be, nobody is told of it. */
  async #put(lease: Lease): Promise<void> {
    const before = this.#leases.get(lease.address);
    this.#leases.set(lease.address, lease);
    try {
      await this.#store.put(lease);
    } catch (error) {
      if (before === undefined) {
        this.#leases.delete(lease.address);
      } else {
        this.#leases.set(lease.address, before);
      }
      throw new AppError("io", `Lease of ${lease.address} for ${lease.mac} could not be stored`, {
        cause: error,
      });
    }
    this.#offers.delete(lease.address);
  }
}
