/** A node that boots the ramdisk to a shell: asked for, up, over. */
import type { HostName } from "../hosts/host.ts";

export interface Rescue {
  readonly node: HostName;
  readonly flavor: string;
  readonly kernelArguments?: string;
  readonly armedAt: number;
  /** When it ends if the machine did not come. */
  readonly expiresAt: number;
  /** Set once its ramdisk has said that it is up: from then on the node's next boot is from its disk. */
  readonly up?: { readonly at: number; readonly address?: string; readonly hostKey?: string };
}

/** Whether the node's next network boot is into the rescue ramdisk. */
export function isRescueWanted(rescue: Rescue | undefined, now: number): rescue is Rescue {
  return rescue !== undefined && rescue.up === undefined && now < rescue.expiresAt;
}

/** The newest of each node. Every change is durable when the call returns. */
export interface RescueRegistry {
  get(node: HostName): Rescue | undefined;
  /** Adds or replaces; a token of the one before is void where `armedAt` differs. */
  save(rescue: Rescue): void;
  setToken(node: HostName, hash: string): void;
  byToken(hash: string): Rescue | undefined;
  remove(node: HostName): void;
}
