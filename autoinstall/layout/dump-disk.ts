/** What the readers of dumps make of them. */
import type { DiskLabel, FilesystemFacts } from "../../images/capture/facts.ts";

export interface DumpedPartition {
  readonly number: number;
  readonly start: number;
  readonly size: number;
  /** MBR type or GPT GUID. */
  readonly type: string;
  readonly bootable: boolean;
  readonly name?: string;
}

export interface DumpedDisk {
  readonly device: string;
  readonly size: number;
  readonly sector: number;
  readonly label?: DiskLabel;
  readonly partitions: readonly DumpedPartition[];
}

export interface Dump {
  readonly disks: readonly DumpedDisk[];
  readonly filesystems: readonly FilesystemFacts[];
}
