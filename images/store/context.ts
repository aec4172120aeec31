/** What every operation of the store works with. */
import type { Clock, Log } from "../../base/ports.ts";
import type { StorePaths } from "./store-paths.ts";

export interface StoreContext {
  readonly paths: StorePaths;
  readonly clock: Clock;
  readonly log: Log;
  /** zstd level of packs. */
  readonly level: number;
  /** Frames compressed at the same time. */
  readonly concurrency: number;
}
