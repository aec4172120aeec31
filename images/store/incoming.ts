/** What an import is about to write into a new tree. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { SyncAction } from "../sync/actions.ts";

export interface Incoming {
  readonly actions: readonly SyncAction[];
  /** Content bytes that will be written. */
  readonly bytes: number;
  /** Members for the streamed actions, in their order. */
  readonly tar: AsyncIterable<Uint8Array>;
  readonly afterStream?: () => Promise<{ readonly torn: readonly RelPath[] }>;
}
