/**
 * A disk section as rules for sizes, before any disk is known. The same rules are worked out here, for a disk whose size is
 * known ({@link ../layout/fit.ts}), and in the master script, for the disk that the machine turns out to have.
 *
 *     | 1 MiB | outer partitions by number … | (GPT: 1 MiB) |
 *                  extended: | 1 MiB | logical | 1 MiB | logical |
 */
import type { DiskLabel } from "../../images/capture/facts.ts";
import { contentOn } from "./content.ts";
import { partitionDevice } from "./device-name.ts";
import { parseDiskMatch } from "./disk-match.ts";
import {
  type DiskLayout,
  type LayoutDisk,
  type LayoutPartition,
  mountPath,
  type PartitionType,
  wholeMib,
} from "./model.ts";
import { neededMib, type TableOptions } from "./need.ts";
import { tableType } from "./partition-type.ts";
import { entryOn, grows, type PartitionRole, partitionRole } from "./role.ts";
import { above, arrayMembers } from "./stack.ts";

const mebibyte = 1024 ** 2;

export type SizeRule =
  | { readonly kind: "fixed"; readonly mib: number }
  /** Thousandths of a percent of the room for partitions: 100 % in all fit. */
  | { readonly kind: "percent"; readonly milli: number }
  /** What is left, at least `minimum`, at most `maximum`. */
  | { readonly kind: "rest"; readonly minimum: number; readonly maximum?: number }
  /** An extended partition just around its logical ones. */
  | { readonly kind: "around" };

export interface TableRow {
  readonly number: number;
  readonly type: PartitionType;
  readonly size: SizeRule;
  /** As sfdisk takes it: two hex digits or a GUID. */
  readonly tableType: string;
  readonly bootable: boolean;
  readonly name?: string;
  /** What it is for, in messages: a mount point, `swap`, `bios_grub`. */
  readonly purpose: string;
  readonly role: PartitionRole;
  /** MiB that the tree puts into it, where its size is a share that only the machine's disk decides on. */
  readonly contentMib?: number;
}

export interface DiskTable {
  /** The disk's name in the layout. */
  readonly device: string;
  readonly label: DiskLabel;
  /** Conditions that the machine's disk must meet, as the master script reads them. */
  readonly match?: string;
  readonly wipe?: boolean;
  /** Outer partitions by number, then logical ones by number. */
  readonly rows: readonly TableRow[];
}

/** MiB set aside at the start (label, boot loader) and, for GPT, at the end. */
export const reservedMib: Readonly<Record<DiskLabel, number>> = { msdos: 1, gpt: 2 };

/** Sector numbers of an msdos label have 32 bits: 2 TiB at 512 bytes. */
export const msdosLimitMib = 2 * 1024 * 1024 - 1;

function sizeRule(
  place: { readonly layout: DiskLayout; readonly disk: LayoutDisk; readonly partition: LayoutPartition },
  options: TableOptions & { readonly shrinks: boolean },
): SizeRule {
  const { layout, disk, partition } = place;
  const { size } = partition;
  const logical = disk.partitions.filter(({ type }) => type === "logical");
  const percentOf = size.kind === "amount" && disk.unit === "%";
  const innerRest = logical.some((one) => one.size.kind === "rest");
  if (partition.type === "extended" && !percentOf && !innerRest) {
    return { kind: "around" };
  }
  const minimum = neededMib(layout, partitionDevice(disk.device, partition.number), options);
  if (size.kind !== "amount") {
    return { kind: "rest", minimum };
  }
  if (disk.unit === "%") {
    return percent(size.value);
  }
  const mib = wholeMib(size.value);
  return options.shrinks
    ? { kind: "rest", minimum: Math.min(minimum, mib), maximum: mib }
    : { kind: "fixed", mib };
}

function percent(value: number): SizeRule {
  return { kind: "percent", milli: Math.max(1, Math.round(value * 1000)) };
}

/**
 * Where no partition takes the rest and the sizes are fixed, the last one of use when larger may get less than it is to
 * have: so the same layout fits a disk that is a little smaller.
 */
function shrinking(layout: DiskLayout, disk: LayoutDisk): LayoutPartition | undefined {
  if (disk.unit !== "MB" || disk.partitions.some(({ size }) => size.kind === "rest")) {
    return undefined;
  }
  return disk.partitions
    .filter((partition) => partition.type === "primary" && grows(partitionRole(layout, { disk, partition })))
    .at(-1);
}

/** What a partition is for, in a word or two. */
function purposeOf(
  layout: DiskLayout,
  place: { readonly disk: LayoutDisk; readonly partition: LayoutPartition },
): string {
  const { disk, partition } = place;
  const entry = entryOn(layout, { disk: disk.device, number: partition.number });
  if (entry !== undefined) {
    return entry.filesystem === "swap" ? "swap" : mountPath(entry);
  }
  const [upper] = above(layout, partitionDevice(disk.device, partition.number));
  const owner = partition.volumeGroup ?? upper;
  const unnamed = partition.type === "extended" ? "extended" : (partition.flags[0] ?? "no filesystem");
  return owner ?? unnamed;
}

/** The rules for one disk of a layout that has passed the check. */
export function tableOf(layout: DiskLayout, disk: LayoutDisk, options: TableOptions = {}): DiskTable {
  const label: DiskLabel = disk.label === "gpt" ? "gpt" : "msdos";
  const shrinks = shrinking(layout, disk);
  const rows = disk.partitions.map((partition): TableRow => {
    const entry = entryOn(layout, { disk: disk.device, number: partition.number });
    const role = partitionRole(layout, { disk, partition });
    const device = partitionDevice(disk.device, partition.number);
    const purpose = purposeOf(layout, { disk, partition });
    const size = sizeRule({ layout, disk, partition }, { ...options, shrinks: partition === shrinks });
    const content = size.kind === "percent" ? contentOn(layout, device, options) : undefined;
    const bootFlag = label === "gpt" ? "legacy_boot" : "boot";
    return {
      number: partition.number,
      type: partition.type,
      size,
      tableType: tableType(partition, {
        label,
        filesystem: entry?.filesystem,
        inArray: layout.raids.some((raid) => arrayMembers(layout, raid).includes(device)),
      }),
      bootable: partition.flags.includes(bootFlag),
      ...(partition.name === undefined ? {} : { name: partition.name }),
      purpose,
      role,
      ...(content === undefined ? {} : { contentMib: Math.ceil(content / mebibyte) }),
    };
  });
  const order = (row: TableRow) => (row.type === "logical" ? 1000 : 0) + row.number;
  const match = disk.match === undefined ? undefined : parseDiskMatch(disk.match);
  return {
    device: disk.device,
    label,
    ...(match?.ok === true ? { match: match.value.conditions.join(",") } : {}),
    ...(disk.wipe === true ? { wipe: true } : {}),
    rows: rows.sort((a, b) => order(a) - order(b)),
  };
}

/** The smallest disk that the table goes onto, in MiB. Percentages ask for nothing by themselves. */
export function minimumDiskMib(table: DiskTable): number {
  const extended = table.rows.find(({ type }) => type === "extended");
  const counted = table.rows.filter(
    ({ type }) => type !== "extended" && (type !== "logical" || extended?.size.kind !== "percent"),
  );
  const sizes = counted.map(({ size, type }) => {
    const own = size.kind === "fixed" ? size.mib : size.kind === "rest" ? size.minimum : 0;
    return own + (type === "logical" ? 1 : 0);
  });
  return sizes.reduce((sum, size) => sum + size, reservedMib[table.label]);
}
