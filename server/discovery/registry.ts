import type { MacAddress } from "../../base/net-types.ts";
import type { Stranger } from "./stranger.ts";

/** Machines that were discovered, also those adopted since. Every change is durable when the call returns. */
export interface StrangerRegistry {
  /** The longest known first. */
  list(): readonly Stranger[];
  /** Asked for every DHCP request of an unknown machine. */
  get(mac: MacAddress): Stranger | undefined;
  /** Adds or replaces. Where there are too many, the one that was not heard of for longest is forgotten, an ignored one last. */
  save(stranger: Stranger): void;
  /** Gives a machine's ramdisk a token (its hash); the one before is void. */
  setToken(mac: MacAddress, hash: string): void;
  byToken(hash: string): Stranger | undefined;
  /** `not-found`. */
  remove(mac: MacAddress): void;
}
