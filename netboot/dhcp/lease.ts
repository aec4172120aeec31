import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";

/** An address that a machine holds until `expiresAt` (Unix milliseconds). */
export interface Lease {
  readonly address: Ipv4Address;
  readonly mac: MacAddress;
  readonly hostname: string;
  readonly expiresAt: number;
  /** `declined`: the client found the address in use by somebody else; nobody gets it until `expiresAt`. */
  readonly state: "bound" | "declined";
}

/** Where leases survive. `put` returns (or resolves) only when the lease is durable: the ACK waits for it. */
export interface LeaseStore {
  /** All leases, also expired ones: they tell who had an address last. Called once, at start. */
  load(): readonly Lease[] | Promise<readonly Lease[]>;
  /** In place of the address's lease, if it has one. */
  put(lease: Lease): void | Promise<void>;
}
