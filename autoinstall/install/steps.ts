/** What an install is made of: an ordered list of plain values that the renderer turns into the master script. */
import type { ShellText } from "../../base/posix-quote.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import type { GroupNeed, PartitionPlace } from "../layout/group-room.ts";
import type { MakeableFilesystem } from "../layout/model.ts";
import type { RaidLevel } from "../layout/stack-size.ts";
import type { DiskTable } from "../layout/table.ts";
import type { InstallPhase } from "./protocol.ts";

/** A partition of the layout: which disk (from 1, in the layout's order) and which number. */
export type PartitionReference = PartitionPlace;

/** An array, an unlocked encrypted volume or a logical volume: a device node that an earlier step makes. */
export interface NodeReference {
  readonly node: string;
  /** Ends the names of its shell variables: `MD_1`, `LV_2_1`. */
  readonly name: string;
}

export type BlockReference = PartitionReference | NodeReference;

/** What an install makes between partitions and filesystems, and puts away at its end. */
export type StackDevice =
  | { readonly kind: "array"; readonly node: string }
  | {
      readonly kind: "crypt";
      readonly name: string;
      readonly place: BlockReference;
      readonly options: string;
    }
  | { readonly kind: "group"; readonly name: string };

/** A line of the new /etc/fstab. */
export type FstabOutput =
  | { readonly kind: "text"; readonly text: string }
  /** `UUID=` of a fresh filesystem, then the rest of the line. */
  | { readonly kind: "filesystem"; readonly place: BlockReference; readonly rest: string };

/** A UUID that the image's files may name, and the fresh filesystem that takes its place. */
export interface OldIdentity {
  readonly uuid: string;
  readonly place: BlockReference;
}

export type InstallStep =
  /** The site's own scripts, in the ramdisk, before anything else. */
  | { readonly kind: "pre-install" }
  /** The same in the new system, when it could boot. */
  | { readonly kind: "post-install" }
  /** Of an image without a signed loader under UEFI: ends the install where Secure Boot is on. */
  | { readonly kind: "refuse-unsigned" }
  | {
      readonly kind: "choose-disks";
      readonly tables: readonly DiskTable[];
      /** Programs that later steps need: `mkfs.xfs`, `mdadm` … */
      readonly programs: readonly string[];
      /** Volume groups, whose volumes must fit too. */
      readonly groups: readonly GroupNeed[];
      /** Disks of this node that were named beforehand, in the layout's order. */
      readonly named?: readonly string[];
      /** True where whatever the disks hold may go. */
      readonly wipe?: boolean;
    }
  | { readonly kind: "partition-disk"; readonly disk: number; readonly table: DiskTable }
  | {
      readonly kind: "make-array";
      readonly node: string;
      readonly level: RaidLevel;
      readonly active: number;
      readonly spares: number;
      /** Of the superblock: `1.2`, or `1.0` where firmware is to see a member as a plain filesystem. */
      readonly metadata: string;
      readonly chunkKib?: number;
      /** mdadm's: `left-symmetric`, `n2` … */
      readonly layout?: string;
      readonly hostname: string;
      readonly members: readonly BlockReference[];
      readonly purpose: string;
    }
  /** The passphrase for encrypted volumes, before anything is written. */
  | { readonly kind: "fetch-key" }
  | {
      readonly kind: "make-crypt";
      readonly name: string;
      readonly place: BlockReference;
      readonly purpose: string;
    }
  | {
      readonly kind: "make-group";
      readonly name: string;
      readonly members: readonly BlockReference[];
      readonly options: readonly string[];
    }
  | {
      readonly kind: "make-volume";
      readonly group: string;
      readonly name: string;
      readonly size: readonly string[];
      readonly options: readonly string[];
    }
  | {
      readonly kind: "make-filesystem";
      readonly place: BlockReference;
      readonly filesystem: MakeableFilesystem;
      readonly purpose: string;
      readonly label?: string;
      readonly options: readonly string[];
      /** Of btrfs, parents first. */
      readonly subvolumes: readonly string[];
      /** True where a later step names it by its UUID. */
      readonly named: boolean;
    }
  | {
      readonly kind: "mount-filesystem";
      readonly place: BlockReference;
      readonly filesystem: MakeableFilesystem;
      readonly mountPoint: string;
      readonly options: readonly string[];
    }
  | { readonly kind: "write-tree"; readonly bytes: number; readonly files: number }
  /** The node's overrides over the image; once more what of them is the machine's identity, when it has got one. */
  | { readonly kind: "lay-overrides"; readonly identity: boolean }
  /** `command` lists the tree under the target as the version's listing is made. */
  | { readonly kind: "verify-tree"; readonly command: ShellText; readonly prune: readonly string[] }
  | { readonly kind: "make-swap-file"; readonly path: string; readonly mib: number }
  | { readonly kind: "write-fstab"; readonly lines: readonly FstabOutput[] }
  | { readonly kind: "set-identity"; readonly hostname: string; readonly domain?: string }
  | {
      readonly kind: "rename-devices";
      readonly old: readonly OldIdentity[];
      readonly swap?: BlockReference;
      readonly bootDisks: readonly number[];
    }
  | { readonly kind: "record-stack"; readonly devices: readonly StackDevice[] }
  | { readonly kind: "adapt-network" }
  | { readonly kind: "build-initramfs" }
  | {
      readonly kind: "install-bootloader";
      readonly firmware: Firmware;
      readonly root: BlockReference;
      readonly bootDisks: readonly number[];
      /** Mount points of the ESPs, that of the first disk first. */
      readonly esps: readonly string[];
    }
  | {
      readonly kind: "check-boot";
      readonly firmware: Firmware;
      readonly root: BlockReference;
      readonly bootDisks: readonly number[];
      readonly esps: readonly string[];
    }
  /** `stack` in the order in which it is put away. */
  | { readonly kind: "finish"; readonly image: string; readonly stack: readonly StackDevice[] };

export type InstallStepKind = InstallStep["kind"];

/** Where each step belongs in what the machine reports. */
export const stepPhases = {
  "pre-install": "partition",
  "refuse-unsigned": "partition",
  "choose-disks": "partition",
  "fetch-key": "partition",
  "partition-disk": "partition",
  "make-array": "format",
  "make-crypt": "format",
  "make-group": "format",
  "make-volume": "format",
  "make-filesystem": "format",
  "mount-filesystem": "mount",
  "write-tree": "write",
  "lay-overrides": "write",
  "verify-tree": "verify",
  "make-swap-file": "configure",
  "write-fstab": "configure",
  "set-identity": "configure",
  "rename-devices": "configure",
  "record-stack": "configure",
  "adapt-network": "configure",
  "build-initramfs": "initramfs",
  "install-bootloader": "bootloader",
  "post-install": "bootloader",
  "check-boot": "bootloader",
  finish: "finish",
} as const satisfies Readonly<Record<InstallStepKind, InstallPhase>>;

/** Percent of the whole install at which each phase begins: writing and verifying take most of the time. */
export const phasePercents = {
  boot: 0,
  script: 1,
  partition: 2,
  format: 3,
  mount: 5,
  write: 6,
  verify: 70,
  configure: 84,
  initramfs: 86,
  bootloader: 93,
  finish: 98,
  done: 100,
} as const satisfies Readonly<Record<InstallPhase, number>>;
