/** What Ingot knows of a golden client before it captures it: the value that capture hands to the layout builder. */
import type { ByteSize } from "../../base/quantity.ts";

export type Firmware = "bios" | "uefi";
export type DiskLabel = "msdos" | "gpt";

export interface PartitionFacts {
  readonly number: number;
  /** Device node, such as `/dev/vda1`, `/dev/nvme0n1p1`. */
  readonly device: string;
  readonly start: ByteSize;
  readonly size: ByteSize;
  /** MBR type as two hex digits (`83`, `82`, `ef`, `5`, `8e`, `fd`) or a GPT type GUID in lower case. */
  readonly type: string;
  readonly bootable: boolean;
  /** GPT partition name. */
  readonly name?: string;
  /** PARTUUID. */
  readonly uuid?: string;
}

export interface DiskFacts {
  readonly device: string;
  readonly size: ByteSize;
  readonly logicalSector: number;
  readonly physicalSector: number;
  readonly label?: DiskLabel;
  /** Disk identifier: MBR signature or GPT disk GUID. */
  readonly labelId?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly wwn?: string;
  readonly transport?: string;
  readonly rotational: boolean;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly partitions: readonly PartitionFacts[];
}

export interface FilesystemFacts {
  /** Device node as lsblk and blkid name it. */
  readonly device: string;
  /** `ext4`, `xfs`, `vfat`, `swap`, `LVM2_member`, `linux_raid_member`, `crypto_LUKS` … */
  readonly type: string;
  readonly uuid?: string;
  readonly label?: string;
  readonly size?: ByteSize;
  /** Used bytes, of mounted filesystems. */
  readonly used?: ByteSize;
  readonly mountPoint?: string;
  /** Inodes in use, of mounted filesystems. */
  readonly entries?: number;
}

/** An array of md. */
export interface ArrayFacts {
  readonly device: string;
  /** As the kernel names it: `raid1`, `raid10`, `linear` … */
  readonly level: string;
  /** How many members are in use; further ones are spares. */
  readonly active: number;
  readonly members: readonly string[];
  readonly chunkKib?: number;
  readonly layout?: string;
  readonly metadata?: string;
}

export interface VolumeGroupFacts {
  readonly name: string;
  readonly extentBytes: number;
  readonly size: number;
  readonly free: number;
  /** Physical volumes. */
  readonly members: readonly string[];
  readonly volumes: readonly {
    readonly name: string;
    readonly size: number;
    /** Segment type: `linear`, `striped`, `raid1`, `thin-pool` … */
    readonly segments: string;
  }[];
}

/** An encrypted volume that is unlocked, at `/dev/mapper/NAME`. */
export interface CryptFacts {
  readonly name: string;
  readonly device: string;
}

export interface MountFacts {
  readonly source: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly options: string;
  /** `local` filesystems are captured; the others are left out and listed. */
  readonly kind: "local" | "pseudo" | "network" | "removable" | "bind";
}

export interface BootLoaderFacts {
  readonly kind: "grub2" | "grub-legacy" | "systemd-boot" | "extlinux" | "lilo" | "unknown";
  /** Disks whose first sector holds boot code (BIOS). */
  readonly disks: readonly string[];
  readonly commandLine?: string;
}

/**
 * `find` prints all of an entry, and stat the numbers of many devices at once; `find-each` is the same with a stat that must be
 * asked for each device; `stat` is busybox's find and stat together.
 */
export type Lister = "find" | "find-each" | "stat";

/** What the client's tools can do; decides which listing and archive commands are used and what is lost. */
export interface ToolFacts {
  /** GNU findutils version; absent where find is not GNU's. */
  readonly gnuFind?: string;
  readonly gnuTar?: string;
  /** tar is busybox's: one archive for every batch of names, no attributes, no holes, and not every owner and time. */
  readonly busyboxTar?: boolean;
  /** How a tree is listed; absent where neither way works, and in facts of old, which say `find` by naming GNU's. */
  readonly lister?: Lister;
  /** Times come without fractions of a second, or cannot be set with them; absent where they can. */
  readonly listsWholeSeconds?: boolean;
  readonly setsWholeSeconds?: boolean;
  /** The times of symbolic links cannot be set; absent where they can. */
  readonly losesLinkTimes?: boolean;
  readonly tarXattrs: boolean;
  readonly tarAcls: boolean;
  readonly tarSelinux: boolean;
  /** lsattr and chattr are there. */
  readonly flags?: boolean;
  readonly sha256sum: boolean;
  /** Three times as fast as sha256sum on most processors. */
  readonly b2sum?: boolean;
  readonly zstd: boolean;
  readonly getfattr: boolean;
  readonly getfacl?: boolean;
}

export interface GoldenFacts {
  readonly hostname: string;
  readonly os: {
    readonly id: string;
    readonly versionId?: string;
    readonly prettyName: string;
    readonly idLike?: string;
  };
  readonly kernel: string;
  /** `uname -m`. */
  readonly machine: string;
  readonly firmware: Firmware;
  readonly disks: readonly DiskFacts[];
  readonly filesystems: readonly FilesystemFacts[];
  readonly arrays?: readonly ArrayFacts[];
  readonly volumeGroups?: readonly VolumeGroupFacts[];
  readonly crypts?: readonly CryptFacts[];
  /** Swap areas in files. */
  readonly swapFiles?: readonly { readonly path: string; readonly size: number }[];
  readonly mounts: readonly MountFacts[];
  /** /etc/fstab as it is. */
  readonly fstab: string;
  readonly bootLoader: BootLoaderFacts;
  readonly tools: ToolFacts;
  /** True where the session's user can read everything (uid 0). */
  readonly root: boolean;
}
