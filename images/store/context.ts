/** What every operation of the store works with. */
import type { Clock, Log } from "../../base/ports.ts";
import type { PackIndexes } from "./pack-indexes.ts";
import type { StorePaths } from "./store-paths.ts";

export interface StoreContext {
  readonly paths: StorePaths;
  /** What has been read of packs. */
  readonly indexes: PackIndexes;
  readonly clock: Clock;
  readonly log: Log;
  /** zstd level of packs. */
  readonly level: number;
  /** Frames compressed at the same time. */
  readonly concurrency: number;
}
