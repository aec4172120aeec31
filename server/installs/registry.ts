import type { HostName } from "../hosts/host.ts";
import type { Install, InstallChange, InstallSpec } from "./install.ts";

/** Armings and installs. Every call is durable when it returns. At most one install per node is not over. */
export interface InstallRegistry {
  /** `conflict` where the node has one that is not over. */
  arm(spec: InstallSpec): Install;
  get(id: number): Install | undefined;
  /** The newest install of a node. */
  latest(node: HostName): Install | undefined;
  /** Adds a token (its hash) to an armed install; only the last few of one arming stay valid. */
  addToken(id: number, hash: string): void;
  byToken(hash: string): Install | undefined;
  /** Uses an arming up: from here on only this token is valid, and only for this install. `conflict` where it is claimed already. */
  claim(id: number, hash: string): Install;
  change(id: number, change: InstallChange): Install;
  appendLog(id: number, text: string): void;
  log(id: number): string;
  /** Waits for a change of an install after `known`; returns the new value, or the same one when `signal` aborts or time is up. */
  changed(
    known: Install,
    options: { readonly signal: AbortSignal; readonly atMost: number },
  ): Promise<Install>;
}
