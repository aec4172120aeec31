/** A disk image that is open as a tree, whoever opened it. */
import type { ProgressSink } from "../../base/ports.ts";
import type { GoldenFacts } from "../capture/facts.ts";
import type { ListedEntry } from "../entry.ts";
import type { MachineSystem } from "./machine-system.ts";

export interface OpenDisk {
  /** The tree while the disk is open: a folder that spans filesystems, or a tar of what a virtual machine read. */
  readonly tree:
    | { readonly kind: "folder"; readonly root: string }
    | { readonly kind: "archive"; readonly file: string; readonly listed: readonly ListedEntry[] };
  readonly facts: GoldenFacts;
  /** What was left out, or done to a copy of the disk; one sentence each. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

export interface OpenDiskOptions {
  /** An empty folder for what must be unpacked; the caller removes it. */
  readonly work: string;
  /** What a virtual machine boots, where one is needed. */
  readonly machine?: () => Promise<MachineSystem>;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressSink;
}
