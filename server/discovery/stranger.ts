/** A machine that nobody knows and that netboots: what is known of it until somebody adopts it, and what it is to do meanwhile. */
import type { MacAddress } from "../../base/net-types.ts";
import type { Hardware } from "../api/schema/discovery.ts";
import type { Host } from "../hosts/host.ts";

export interface Stranger {
  /** Of the card that netboots. */
  readonly mac: MacAddress;
  /** Where it was heard. */
  readonly interface: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** True where an administrator wants it left alone. */
  readonly ignored: boolean;
  readonly firmware?: string;
  readonly uuid?: string;
  /** Where its ramdisk is, and the fingerprint of its SSH key, as the machine says. */
  readonly address?: string;
  readonly hostKey?: string;
  /** Absent until its ramdisk has reported. */
  readonly hardware?: Hardware;
}

/** What a waiting machine is told: to wait on, or to boot again because something is ready for it. */
export function waitAnswer(
  stranger: Stranger,
  host: Host | undefined,
  hasWork: boolean,
): { readonly reboot: boolean; readonly message: string } {
  if (stranger.ignored) {
    return { reboot: true, message: "an administrator wants this machine to be left alone" };
  }
  if (host === undefined) {
    return { reboot: false, message: `waiting to be adopted: ingot node adopt ${stranger.mac} NAME` };
  }
  return hasWork
    ? { reboot: true, message: `there is something to boot for ${host.name}` }
    : {
        reboot: false,
        message: `adopted as ${host.name}; waiting: ingot deploy ${host.name} --image IMAGE installs it`,
      };
}
