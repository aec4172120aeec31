/** What an update is asked to do and what it answers. */
import type { Clock, Log, ProgressSink } from "../../base/ports.ts";
import type { Duration } from "../../base/quantity.ts";
import type { RuleSources } from "../capture/request.ts";
import type { ImageName } from "../manifest.ts";
import type { Overrides } from "../overlay/overlaid-reader.ts";
import type { RemoteSession } from "../remote/session.ts";
import type { VersionReader } from "../store/store.ts";
import type { UpdatePlan } from "./plan.ts";

export interface UpdateOptions extends RuleSources {
  /** Plans only: nothing on the node changes. */
  readonly dryRun?: boolean;
  /** Compares the content of every file, whatever sizes and times say. */
  readonly checksum?: boolean;
  /** Leaves what the image does not have. */
  readonly noDelete?: boolean;
  /** Leaves initramfs and boot loader configuration as they are. */
  readonly noBootloader?: boolean;
  readonly reboot?: boolean;
  /** Only what overrides lay: nothing else is written, and nothing is deleted. */
  readonly overridesOnly?: boolean;
  /** Only what is in this directory of the tree (absolute): `--directory` of old. */
  readonly directory?: string;
}

export interface UpdateRequest {
  readonly session: RemoteSession;
  readonly store: VersionReader;
  readonly image: ImageName;
  /** The newest version unless told. */
  readonly version?: number;
  /** What lies over the version on this node. */
  readonly overrides?: Overrides | undefined;
  /** Absolute directory on the node that is brought to the version; `/` unless told. */
  readonly root?: string;
  readonly options?: UpdateOptions;
  readonly clock: Clock;
  readonly log?: Log;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

export interface UpdateResult {
  readonly plan: UpdatePlan;
  /** False for a dry run. */
  readonly applied: boolean;
  readonly duration: Duration;
  /** What was done besides (initramfs made anew, reboot asked for) and what to know: one sentence each. */
  readonly notes: readonly string[];
}

/** The pull side: a node sent its listing and its own exclude file. */
export interface ListingRequest {
  readonly store: VersionReader;
  readonly image: ImageName;
  readonly version?: number;
  /** Tells what lies over the version on a node that calls itself so. */
  readonly overrides?: (hostname: string) => Promise<Overrides>;
  /** As in {@link UpdateRequest}. */
  readonly root?: string;
  /** The body of the client's POST (images/update/pull.ts tells its format). */
  readonly body: AsyncIterable<Uint8Array>;
  readonly options?: UpdateOptions;
  readonly signal?: AbortSignal;
}
