/** Repairs of filesystem lines. */
import { renamedDisk } from "./check-lines.ts";
import { parsePartitionDevice, partitionDevice, partitionWithLostP } from "./device-name.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { sourceTag } from "./fstab.ts";
import { type DiskLayout, type FilesystemLine, type FstabEntry, sortedLines, subvolume } from "./model.ts";
import type { RepairContext, Repaired } from "./repaired.ts";

function mapEntries(layout: DiskLayout, change: (entry: FstabEntry) => FstabEntry): DiskLayout {
  const lines = layout.lines.map((line) => (line.kind === "entry" ? change(line) : line));
  return { ...layout, lines };
}

/** Numbers all lines 10, 20, 30 … in the order they have now; those without a number come last. */
export function repairLineNumbers(layout: DiskLayout): Repaired {
  const valid = sortedLines(layout).filter(({ line }) => line > 0);
  const invalid = layout.lines.filter(({ line }) => line < 1);
  const lines = [...valid, ...invalid].map(
    (line, index): FilesystemLine => ({ ...line, line: (index + 1) * 10 }),
  );
  return { layout: { ...layout, lines }, text: "The fsinfo lines were numbered anew: 10, 20, 30 …" };
}

/** Puts the `p` back where the disk's name ends in a digit. */
export function repairLostP(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const meant = partitionWithLostP(
    finding.subject,
    layout.disks.map(({ device }) => device),
  );
  if (meant === undefined) {
    return undefined;
  }
  const device = partitionDevice(meant.disk, meant.number);
  const changed = mapEntries(layout, (entry) =>
    entry.device === finding.subject ? { ...entry, device } : entry,
  );
  return { layout: changed, text: `${finding.subject} became ${device}` };
}

/** What a name below /dev/disk stands for: a partition's number on the only disk, or what the golden client knows by that tag. */
function linkTarget(layout: DiskLayout, link: string, context: RepairContext): string | undefined {
  const number = Number(/^\/dev\/disk\/by-(?:id|path)\/.+-part([1-9]\d{0,2})$/.exec(link)?.[1]);
  const holding = layout.disks.filter(({ partitions }) => partitions.some((one) => one.number === number));
  const [only] = holding;
  if (only !== undefined && layout.disks.length === 1) {
    return partitionDevice(only.device, number);
  }
  const [kind, value] = sourceTag(link) ?? [];
  const found = context.facts?.filesystems.find(
    ({ uuid, label }) =>
      value !== undefined && (kind === "UUID" ? uuid : kind === "LABEL" ? label : undefined) === value,
  );
  return found?.device;
}

/** Names the partition that a link of the golden client led to. */
export function repairDeviceLink(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const device = linkTarget(layout, finding.subject, context);
  if (device === undefined) {
    return undefined;
  }
  const changed = mapEntries(layout, (entry) =>
    entry.device === finding.subject ? { ...entry, device } : entry,
  );
  return { layout: changed, text: `${finding.subject} became ${device}` };
}

/** Names the described disk in lines that still name the one before a controller change. */
export function repairDeviceFamily(layout: DiskLayout): Repaired | undefined {
  const renamed = renamedDisk(layout);
  if (renamed === undefined) {
    return undefined;
  }
  const changed = mapEntries(layout, (entry) => {
    const place = parsePartitionDevice(entry.device);
    return place?.disk === renamed.from
      ? { ...entry, device: partitionDevice(renamed.to, place.number) }
      : entry;
  });
  return { layout: changed, text: `Lines that named ${renamed.from} now name ${renamed.to}` };
}

/** Keeps the line for fstab and makes nothing for it. */
export function repairRemovableMedium(layout: DiskLayout, finding: Diagnostic): Repaired {
  const isMeant = (entry: FstabEntry) => `line ${entry.line}` === finding.subject;
  const device = layout.lines.flatMap((line) =>
    line.kind === "entry" && isMeant(line) ? [line.device] : [],
  );
  const changed = mapEntries(layout, (entry) => (isMeant(entry) ? { ...entry, format: false } : entry));
  return { layout: changed, text: `${device[0]} is not formatted; its line for fstab stays` };
}

/** Takes the filesystem type from the golden client, or `swap` where the mount point says so. */
export function repairFilesystem(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const line = layout.lines.find((one) => `line ${one.line}` === finding.subject);
  if (line?.kind !== "entry") {
    return undefined;
  }
  const known = context.facts?.filesystems.find(({ device }) => device === line.device)?.type;
  const filesystem = known ?? (line.mountPoint === "swap" ? "swap" : undefined);
  if (filesystem === undefined) {
    return undefined;
  }
  const changed = mapEntries(layout, (entry) => (entry === line ? { ...entry, filesystem } : entry));
  const source = known === undefined ? "its mount point" : "the golden client";
  return { layout: changed, text: `${line.device} is ${filesystem}, as ${source} says` };
}

const usualSwapFile = 1024;

/** Takes a swap file's size from the golden client, else a usual one. */
export function repairSwapFile(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const line = layout.lines.find((one) => `line ${one.line}` === finding.subject);
  if (line?.kind !== "entry") {
    return undefined;
  }
  const known = context.facts?.swapFiles?.find(({ path }) => path === line.device)?.size;
  const fileSize = known === undefined ? usualSwapFile : Math.max(1, Math.round(known / 1_000_000));
  const changed = mapEntries(layout, (entry) => (entry === line ? { ...entry, fileSize } : entry));
  const source = known === undefined ? "a usual size" : "as on the golden client";
  return { layout: changed, text: `The swap file ${line.device} has ${fileSize} MB, ${source}` };
}

/** Drops the number where the subvolume is named too, or the number is that of the whole filesystem. */
export function repairSubvolumeNumber(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const line = layout.lines.find((one) => `line ${one.line}` === finding.subject);
  const entry = line?.kind === "entry" ? line : undefined;
  const options = entry?.options.split(",") ?? [];
  const top = options.includes("subvolid=5") || options.includes("subvolid=0");
  if (entry === undefined || (subvolume(entry) === undefined && !top)) {
    return undefined;
  }
  const kept = options.filter((option) => !option.startsWith("subvolid="));
  const changed = mapEntries(layout, (one) =>
    one === entry ? { ...one, options: kept.length === 0 ? "defaults" : kept.join(",") } : one,
  );
  return { layout: changed, text: `${entry.mountPoint} no longer names its subvolume by number` };
}
