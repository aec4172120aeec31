/**
 * A disk layout as an administrator writes it in `autoinstallscript.conf`: disks with partitions, and the lines of
 * /etc/fstab with what must be made for them. Values are typed; what a file says beyond that (comments, unknown
 * attributes, unknown elements) is kept beside them, so that a rewrite loses nothing. Everything here is plain data.
 */

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Attribute = readonly [name: string, value: string];

/** What every element of the file carries. */
export interface Annotated {
  /** Comments that stand before it. */
  readonly comments: readonly string[];
  /** Attributes that are not known here, kept as they are. */
  readonly extra: readonly Attribute[];
  /** Where it stood in the file it was read from; not part of its meaning. */
  readonly at?: Position;
}

/** An element that is not known here, kept as it is. */
export interface ForeignElement {
  readonly comments: readonly string[];
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly children: readonly ForeignElement[];
  readonly text: string;
}

export type LayoutSize =
  | { readonly kind: "amount" /** In the disk's unit. */; readonly value: number }
  /** `*`: what is left. */
  | { readonly kind: "rest" }
  /** Something that is not a size: kept for the message and for repair. */
  | { readonly kind: "invalid"; readonly text: string };

export type PartitionType = "primary" | "extended" | "logical";

export interface LayoutPartition extends Annotated {
  /** 0 where the file has no valid number. */
  readonly number: number;
  readonly size: LayoutSize;
  readonly type: PartitionType;
  /** GPT name. */
  readonly name?: string;
  /** As parted names them: `boot`, `esp`, `bios_grub`, `swap`, `lvm`, `raid`, `lba` … */
  readonly flags: readonly string[];
  /** MBR type in hex, or a GPT type GUID. */
  readonly id?: string;
  readonly volumeGroup?: string;
  /** The array that it is a member of, as `disks-layout.xml` says it; the classic file lists members at the array. */
  readonly raidDevice?: string;
}

export interface LayoutDisk extends Annotated {
  readonly device: string;
  /** `msdos` or `gpt`; else as written, `""` where absent. */
  readonly label: string;
  /** `MB` or `%`; else as written, `""` where absent. */
  readonly unit: string;
  /** Which disk of a machine it is, where its place on the bus does not say it: Ingot's addition. */
  readonly match?: string;
  /** True: whatever the disk holds may go. Ingot's addition. */
  readonly wipe?: boolean;
  readonly partitions: readonly LayoutPartition[];
  /** Comments after the last partition. */
  readonly trailing: readonly string[];
  readonly foreign: readonly ForeignElement[];
}

export interface LayoutRaid extends Annotated {
  readonly name: string;
  readonly devices: readonly string[];
  /** `raid_level`, `chunk_size` … in the file's order. */
  readonly settings: readonly Attribute[];
}

export interface LayoutVolume extends Annotated {
  readonly name: string;
  readonly size: string;
  readonly options?: string;
}

export interface LayoutVolumeGroup extends Annotated {
  readonly name: string;
  readonly settings: readonly Attribute[];
  readonly volumes: readonly LayoutVolume[];
}

export interface LayoutLvm extends Annotated {
  readonly version?: string;
  readonly groups: readonly LayoutVolumeGroup[];
}

/** An encrypted volume (LUKS): Ingot's addition to the file. It is unlocked as `/dev/mapper/NAME`. */
export interface LayoutCrypt extends Annotated {
  readonly name: string;
  readonly device: string;
  readonly volumeGroup?: string;
  /** Options of /etc/crypttab. */
  readonly options?: string;
}

/** `<bootloader>` of disks-layout.xml. Kept; disks to boot from follow from where /boot lies. */
export interface LayoutBootloader extends Annotated {
  readonly flavor: string;
  /** `install_type`, `default_entry`, `timeout`. */
  readonly settings: readonly Attribute[];
  readonly targets: readonly ForeignElement[];
}

interface FstabLine extends Annotated {
  /** Order number; 0 where the file has no valid one. */
  readonly line: number;
}

export interface FstabComment extends FstabLine {
  readonly kind: "comment";
  readonly text: string;
}

export interface FstabEntry extends FstabLine {
  readonly kind: "entry";
  /** The device node, or what stands in its place (`tmpfs`, `server:/export`). */
  readonly device: string;
  /** What /etc/fstab names instead: `LABEL=/`, `UUID=…`. */
  readonly mountDevice?: string;
  /** As /etc/fstab writes it, a blank being `\040`. */
  readonly mountPoint: string;
  readonly filesystem: string;
  readonly options: string;
  readonly dump?: number;
  readonly pass?: number;
  readonly mkfsOptions?: string;
  /** A filesystem label to set although the mount does not go by it. */
  readonly label?: string;
  /** Megabytes of a swap file: Ingot's addition. */
  readonly fileSize?: number;
  /** False: the line goes into /etc/fstab, and nothing is made or mounted at install time. */
  readonly format: boolean;
}

export type FilesystemLine = FstabComment | FstabEntry;

export interface DiskLayout {
  /** Name of the root element; any is accepted, `config` is usual. */
  readonly root: string;
  readonly extra: readonly Attribute[];
  /** Comments before the root element. */
  readonly comments: readonly string[];
  readonly disks: readonly LayoutDisk[];
  readonly raids: readonly LayoutRaid[];
  readonly lvm: readonly LayoutLvm[];
  readonly crypts: readonly LayoutCrypt[];
  readonly bootloaders: readonly LayoutBootloader[];
  readonly lines: readonly FilesystemLine[];
  /** `devstyle` of the old install ramdisk: kept, of no effect. */
  readonly boel?: Annotated & { readonly devstyle?: string };
  readonly foreign: readonly ForeignElement[];
  /** Comments after the last element inside the root. */
  readonly trailing: readonly string[];
  /** Comments after the root element. */
  readonly closing: readonly string[];
}

export const plain: Annotated = { comments: [], extra: [] };

export const emptyLayout: DiskLayout = {
  root: "config",
  extra: [],
  comments: [],
  disks: [],
  raids: [],
  lvm: [],
  crypts: [],
  bootloaders: [],
  lines: [],
  foreign: [],
  trailing: [],
  closing: [],
};

/** Decimal megabytes, as layouts have them, in whole MiB; at least one. */
export function wholeMib(megabytes: number): number {
  return Math.max(1, Math.round((megabytes * 1_000_000) / 1024 ** 2));
}

/** Filesystems that the installer can make. */
export const makeableFilesystems = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "swap"] as const;
export type MakeableFilesystem = (typeof makeableFilesystems)[number];

/** The filesystem type to make for a line's type, with the old spellings of vfat. */
export function makeable(filesystem: string): MakeableFilesystem | undefined {
  const name = ["msdos", "fat", "fat16", "fat32"].includes(filesystem) ? "vfat" : filesystem;
  return makeableFilesystems.find((known) => known === name);
}

/** True for an entry whose device is a block device of the machine, as opposed to `tmpfs` or `server:/export`. */
export function isOnDevice(entry: FstabEntry): boolean {
  return entry.device.startsWith("/dev/");
}

/** A swap area in a file, which is made at install time; its size may not be told yet. */
export function isSwapFile(entry: FstabEntry): boolean {
  const inTree = entry.device.startsWith("/") && !/^\/(?:dev|proc|sys|run)\//.test(entry.device);
  return entry.filesystem === "swap" && entry.format && inTree;
}

/** The entries that are made and mounted at install time, in line order. */
export function installedEntries(layout: DiskLayout): readonly FstabEntry[] {
  return sortedLines(layout).filter(
    (line): line is FstabEntry => line.kind === "entry" && line.format && isOnDevice(line),
  );
}

/** Lines in the order of their numbers, as they come to stand in /etc/fstab. */
export function sortedLines(layout: DiskLayout): readonly FilesystemLine[] {
  return layout.lines
    .map((line, index) => ({ line, index }))
    .sort((a, b) => a.line.line - b.line.line || a.index - b.index)
    .map(({ line }) => line);
}

/** The mount point as a path: fstab's octal escapes undone. */
export function mountPath(entry: FstabEntry): string {
  return entry.mountPoint.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The subvolume of a btrfs filesystem that a line mounts, without the leading slash. */
export function subvolume(entry: FstabEntry): string | undefined {
  const named = entry.filesystem === "btrfs" ? /(?:^|,)subvol=\/?([^,]+)/.exec(entry.options) : null;
  return named?.[1];
}

/** The label that the filesystem is to have, from the mount device or told apart. */
export function filesystemLabel(entry: FstabEntry): string | undefined {
  return entry.mountDevice?.startsWith("LABEL=") === true
    ? entry.mountDevice.slice("LABEL=".length).replace(/^"(.*)"$/, "$1")
    : entry.label;
}
