/** What one pass of a capture is made with. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { Clock, ProgressSink } from "../../base/ports.ts";
import type { FileEntry } from "../entry.ts";
import type { KnownBlocks } from "../remote/known-blocks.ts";
import type { RemoteSession } from "../remote/session.ts";
import type { Selection } from "../sync/actions.ts";
import type { AttributeSelection } from "../sync/attribute-rules.ts";
import type { BlockedFile } from "./block-plan.ts";
import type { ToolFacts } from "./facts.ts";
import type { CaptureHistory } from "./history.ts";
import type { CapturePlan } from "./plan.ts";

export interface PassInput {
  readonly session: RemoteSession;
  readonly plan: CapturePlan;
  readonly tools: ToolFacts;
  readonly selection: Selection;
  /** Of extended attributes; absent where all are taken. */
  readonly attributes?: AttributeSelection | undefined;
  /** The image tree (latin1). */
  readonly tree: string;
  readonly history: CaptureHistory | undefined;
  /** Compares the content of everything, whatever times say. */
  readonly checksum?: boolean;
  /** 1 for the first pass of a capture. */
  readonly attempt: number;
  /** What the last pass could not get in one piece: read again whatever it looks like. */
  readonly suspects: ReadonlySet<RelPath>;
  readonly clock: Clock;
  /** Holds the content's stream to a rate: bytes a second. */
  readonly limit?: number;
  readonly onEntry: (entry: FileEntry) => void;
  /** What is known of the blocks of the tree's files. */
  readonly blocks: KnownBlocks;
  /** Told of each file that was moved as blocks. */
  readonly onBlocks: (file: BlockedFile) => void;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}
