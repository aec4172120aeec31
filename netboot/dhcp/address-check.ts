import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";

/** Asked before an address of the pool is offered to a machine that does not hold it (RFC 2131 section 2.2). */
export interface AddressCheck {
  /** Who answers for the address on the interface's own wire; undefined where nobody does. Takes part of a second. */
  findUser(address: Ipv4Address): Promise<MacAddress | undefined>;
}
