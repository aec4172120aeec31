/** What a capture is asked to do and what it answers: the values that the server hands in and gets back. */
import type { Clock, Log, ProgressSink } from "../../base/ports.ts";
import type { ByteSize, Duration } from "../../base/quantity.ts";
import type { ImageName } from "../manifest.ts";
import type { RemoteSession } from "../remote/session.ts";
import type { ImageStore } from "../store/store.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import type { GoldenFacts, MountFacts } from "./facts.ts";

/** Which paths of a machine a capture or an update leaves alone, beyond the default profiles. */
export interface RuleSources {
  /** Rules in order of precedence, first match wins; they come before those of the profiles. */
  readonly rules?: readonly ResolvedRule[];
  /** Names of profiles on top of the default ones. */
  readonly profiles?: readonly string[];
}

export interface CaptureRequest extends RuleSources {
  readonly session: RemoteSession;
  readonly store: ImageStore;
  readonly image: ImageName;
  /** Absolute directory on the client that becomes the image's root; `/` unless told. */
  readonly root?: string;
  /** Facts of an earlier probe of this very session; probed where absent. */
  readonly facts?: GoldenFacts;
  /** Text of autoinstallscript.conf for a client that has none. Written into the image tree. */
  readonly layout?: (facts: GoldenFacts) => string;
  /** Where to remember what was seen on the client (a cache); beside the image folders unless told. */
  readonly historyFile?: string;
  /** The version's commit message. */
  readonly message?: string;
  /** Leaves out every other filesystem than that of the root, local ones too; their directories stay. */
  readonly oneFileSystem?: boolean;
  /** Shell text that the client runs before anything is read; where it fails, nothing is captured. */
  readonly before?: string;
  /** Shell text that the client runs after the capture, also where the capture or `before` failed. */
  readonly after?: string;
  /** Compares the content of everything on the client with the image's tree, whatever times say. */
  readonly checksum?: boolean;
  /** The lowest CPU and I/O priority on the client. */
  readonly nice?: boolean;
  /** Content bytes a second from the client, at most. */
  readonly limit?: number;
  readonly clock: Clock;
  readonly log?: Log;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

export interface CaptureResult {
  readonly image: ImageName;
  readonly version: number;
  /** False where the client was what the newest version is: no version was made. */
  readonly changed: boolean;
  /** Entries and content bytes of the version. */
  readonly files: number;
  readonly bytes: ByteSize;
  /** What was moved over the wire this time. */
  readonly sentFiles: number;
  readonly sentBytes: ByteSize;
  readonly deleted: number;
  readonly passes: number;
  readonly duration: Duration;
  readonly facts: GoldenFacts;
  readonly captured: readonly MountFacts[];
  readonly leftOut: readonly MountFacts[];
  readonly rules: readonly ResolvedRule[];
  /** Files that would not hold still, things that the client's tools cannot keep: one sentence each. */
  readonly warnings: readonly string[];
}

export interface PrepareRequest extends RuleSources {
  readonly session: RemoteSession;
  readonly root?: string;
  /** Makes the autoinstallscript.conf. */
  readonly layout?: (facts: GoldenFacts) => string;
  /** Writes the layout on the client, atomically, at /etc/systemimager/autoinstallscript.conf. */
  readonly write?: boolean;
  readonly signal?: AbortSignal;
}

export interface PreparedClient {
  readonly facts: GoldenFacts;
  readonly captured: readonly MountFacts[];
  readonly leftOut: readonly MountFacts[];
  readonly rules: readonly ResolvedRule[];
  /** Used bytes of the captured filesystems: an upper bound. */
  readonly bytes: ByteSize;
  /** Inodes in use on the captured filesystems. */
  readonly entries: number;
  readonly layout?: string;
  /** True where the layout was written on the client. */
  readonly written: boolean;
  readonly warnings: readonly string[];
}
