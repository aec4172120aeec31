/** Makes a layout from what a golden client told: the disk sections from its partition tables, the lines from its fstab. */
import { formatByteSize } from "../../base/quantity.ts";
import type { DiskFacts, FilesystemFacts, GoldenFacts, PartitionFacts } from "../../images/capture/facts.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import { type FstabText, parseFstab, sourceTag, unescapeFstab } from "./fstab.ts";
import {
  type DiskLayout,
  emptyLayout,
  type FilesystemLine,
  type FstabEntry,
  type LayoutDisk,
  type LayoutPartition,
  type LayoutSize,
  plain,
} from "./model.ts";
import { partitionTypeOf } from "./partition-type.ts";
import { grows, partitionRole } from "./role.ts";
import { blockOf, canonicalDevice, isStackName } from "./stack.ts";
import { growGroups, isStackMember, withStack } from "./stack-from-facts.ts";

export interface LayoutFromFacts {
  readonly layout: DiskLayout;
  readonly diagnostics: readonly Diagnostic[];
}

/** Decimal megabytes, whole: rounding them back to MiB gives every MiB-aligned size exactly. */
function megabytes(bytes: number): LayoutSize {
  return { kind: "amount", value: Math.max(1, Math.round(bytes / 1_000_000)) };
}

function partitionFromFacts(partition: PartitionFacts, disk: DiskFacts): LayoutPartition {
  const { type, flags, id } = partitionTypeOf(partition, disk.label ?? "msdos");
  const name = partition.name?.trim();
  return {
    ...plain,
    number: partition.number,
    size: megabytes(partition.size),
    type,
    flags,
    ...(name === undefined || name === "" || name === "-" || disk.label !== "gpt" ? {} : { name }),
    ...(id === undefined ? {} : { id }),
  };
}

function diskFromFacts(disk: DiskFacts): LayoutDisk {
  const model = disk.model?.replace(/\s+/g, " ").trim();
  const described = `${formatByteSize(disk.size)}${model === undefined || model === "" ? "" : `, ${model}`}`;
  return {
    ...plain,
    comments: [` ${disk.device}: ${described} on the golden client `],
    device: disk.device,
    label: disk.label ?? "",
    unit: "MB",
    partitions: [...disk.partitions]
      .sort((a, b) => a.number - b.number)
      .map((partition) => partitionFromFacts(partition, disk)),
    trailing: [],
    foreign: [],
  };
}

function filesystemOn(facts: GoldenFacts, device: string): FilesystemFacts | undefined {
  return facts.filesystems.find((filesystem) => filesystem.device === device);
}

/** The device node behind an fstab source; undefined where nothing of the client answers to it. */
function resolveSource(facts: GoldenFacts, line: Extract<FstabText, { kind: "entry" }>): string | undefined {
  const tag = sourceTag(line.source);
  const value = tag?.[1].toLowerCase();
  const partitions = facts.disks.flatMap((disk) => disk.partitions);
  switch (tag?.[0]) {
    case "UUID":
      return facts.filesystems.find(({ uuid }) => uuid?.toLowerCase() === value)?.device;
    case "LABEL":
      return facts.filesystems.find(({ label }) => label === tag?.[1])?.device;
    case "PARTUUID":
      return partitions.find(({ uuid }) => uuid?.toLowerCase() === value)?.device;
    case "PARTLABEL":
      return partitions.find(({ name }) => name === tag?.[1])?.device;
    default:
      return line.source.startsWith("/dev/disk/") ? resolveLink(facts, line) : line.source;
  }
}

/** by-id and by-path links carry the disk's serial at best; what is mounted there tells the device for certain. */
function resolveLink(facts: GoldenFacts, line: Extract<FstabText, { kind: "entry" }>): string | undefined {
  const mountPoint = unescapeFstab(line.mountPoint);
  const mounted = facts.mounts.find((mount) => mount.mountPoint === mountPoint)?.source;
  if (mounted?.startsWith("/dev/") === true && mounted !== "/dev/root") {
    return mounted;
  }
  const part = /-part(\d+)$/.exec(line.source)?.[1];
  const disk = facts.disks.find(({ serial }) => serial !== undefined && line.source.includes(serial));
  return disk?.partitions.find(({ number }) => String(number) === part)?.device;
}

/** The device as the layout names it. What stands in fstab under another name is found by where it is mounted. */
function describedDevice(
  facts: GoldenFacts,
  drafted: DiskLayout,
  entry: { readonly line: Extract<FstabText, { kind: "entry" }>; readonly named: string },
): string {
  const mountPoint = unescapeFstab(entry.line.mountPoint);
  const mounted = facts.mounts.find((mount) => mount.mountPoint === mountPoint)?.source;
  const known = [entry.named, mounted].find(
    (device) => device !== undefined && blockOf(drafted, device) !== undefined,
  );
  return canonicalDevice(drafted, known ?? entry.named);
}

function entryFromFstab(
  facts: GoldenFacts,
  line: Extract<FstabText, { kind: "entry" }>,
  context: {
    readonly number: number;
    readonly diagnostics: Diagnostic[];
    readonly drafted: DiskLayout;
  },
): FstabEntry {
  const named = resolveSource(facts, line);
  const resolved = named === undefined ? undefined : describedDevice(facts, context.drafted, { line, named });
  const subject = `line ${context.number}`;
  if (resolved === undefined) {
    const message = `${line.source} (mounted at ${line.mountPoint}) is on no disk of ${facts.hostname}; the line is kept in fstab and nothing is made for it`;
    context.diagnostics.push(diagnose("device-unresolved", message, { subject }));
  }
  const device = resolved ?? line.source;
  const filesystem = filesystemOn(facts, named ?? device) ?? filesystemOn(facts, device);
  const mounted = facts.mounts.some(({ mountPoint }) => mountPoint === unescapeFstab(line.mountPoint));
  const type = line.type === "auto" && mounted && filesystem !== undefined ? filesystem.type : line.type;
  // Device mapper and md nodes that nothing describes are kept as to be made, so that the check says plainly what is missing.
  const described = blockOf(context.drafted, device) !== undefined || isStackName(device);
  const there = described && (type === "swap" || mounted);
  const onDevice = device.startsWith("/dev/");
  const label = filesystem?.label;
  const labelled = label !== undefined && label !== "" && sourceTag(line.source)?.[0] !== "LABEL";
  return {
    ...plain,
    kind: "entry",
    line: context.number,
    device,
    ...(device === line.source ? {} : { mountDevice: line.source }),
    mountPoint: line.mountPoint,
    filesystem: type,
    options: line.options,
    ...(line.dump === undefined ? {} : { dump: line.dump }),
    ...(line.pass === undefined ? {} : { pass: line.pass }),
    ...(labelled && there ? { label } : {}),
    ...swapFileSize(facts, { device, type }),
    format: there || (!onDevice && resolved !== undefined),
  };
}

function swapFileSize(
  facts: GoldenFacts,
  line: { readonly device: string; readonly type: string },
): { readonly fileSize?: number } {
  const bytes = facts.swapFiles?.find(({ path }) => path === line.device)?.size;
  return line.type !== "swap" || bytes === undefined
    ? {}
    : { fileSize: Math.max(1, Math.round(bytes / 1_000_000)) };
}

/** Mounted local filesystems on partitions that fstab does not name: systemd finds an ESP by itself, for one. */
function missingLines(
  facts: GoldenFacts,
  context: {
    readonly lines: readonly FilesystemLine[];
    readonly diagnostics: Diagnostic[];
    readonly drafted: DiskLayout;
  },
): readonly FstabEntry[] {
  const named = new Set(context.lines.map((line) => (line.kind === "entry" ? line.device : "")));
  const missing = facts.mounts.filter(
    (mount, index) =>
      mount.kind === "local" &&
      blockOf(context.drafted, mount.source) !== undefined &&
      !named.has(canonicalDevice(context.drafted, mount.source)) &&
      facts.mounts.findIndex(({ source }) => source === mount.source) === index,
  );
  return missing.map((mount, index) => {
    const message = `${mount.source} is mounted at ${mount.mountPoint} but is not in /etc/fstab; a line was added`;
    context.diagnostics.push(diagnose("filesystem-not-in-fstab", message, { subject: mount.source }));
    const label = filesystemOn(facts, mount.source)?.label;
    return {
      ...plain,
      kind: "entry",
      line: (context.lines.length + index + 1) * 10,
      device: canonicalDevice(context.drafted, mount.source),
      mountPoint: mount.mountPoint.replaceAll(" ", "\\040"),
      filesystem: filesystemOn(facts, mount.source)?.type ?? mount.type,
      options: "defaults",
      dump: 0,
      pass: mount.mountPoint === "/" ? 1 : 2,
      ...(label === undefined || label === "" ? {} : { label }),
      format: true,
    };
  });
}

/** A disk matters where fstab, a mount, a boot loader or a stacked device needs it. Others are not Ingot's to wipe. */
function isNeeded(disk: DiskFacts, facts: GoldenFacts, fstab: readonly FstabText[]): boolean {
  const devices = new Set(disk.partitions.map(({ device }) => device));
  const entries = fstab.filter((line) => line.kind === "entry");
  return (
    facts.mounts.some(({ source, kind }) => kind === "local" && devices.has(source)) ||
    entries.some((line) => devices.has(resolveSource(facts, line) ?? "")) ||
    facts.bootLoader.disks.includes(disk.device) ||
    facts.filesystems.some(({ device, type }) => devices.has(device) && isStackMember(type))
  );
}

/** The last partition whose filesystem is of use when larger takes what the target disk has left. */
function growLast(layout: DiskLayout, disk: LayoutDisk): LayoutDisk {
  const growing = disk.partitions
    .filter((partition) => grows(partitionRole(layout, { disk, partition })))
    .at(-1);
  const inExtended = growing?.type === "logical";
  return {
    ...disk,
    partitions: disk.partitions.map((partition) =>
      partition === growing || (inExtended && partition.type === "extended")
        ? { ...partition, size: { kind: "rest" } }
        : partition,
    ),
  };
}

/** A disk's own table as a section of a layout that has the lines already. */
export function tableFromFacts(layout: DiskLayout, disk: DiskFacts): LayoutDisk {
  const own = diskFromFacts(disk);
  const others = layout.disks.filter(({ device }) => device !== own.device);
  return growLast({ ...layout, disks: [...others, own] }, own);
}

/** Builds the layout of a golden client. What cannot be carried over is said in a diagnostic, never dropped silently. */
export function layoutFromFacts(facts: GoldenFacts): LayoutFromFacts {
  const diagnostics: Diagnostic[] = [];
  const fstab = parseFstab(facts.fstab);
  const arrays = new Set((facts.arrays ?? []).map(({ device }) => device));
  const disks = facts.disks.filter((disk) => {
    if (arrays.has(disk.device)) {
      // The kernel shows an array as a disk; it is described as an array.
      return false;
    }
    const usable = disk.label !== undefined && !disk.removable && !disk.readOnly;
    const needed = isNeeded(disk, facts, fstab);
    if (!usable || !needed) {
      const reason = needed ? "it has no msdos or GPT label" : "nothing mounted or booted is on it";
      const code = needed ? "disk-unlabelled" : "disk-unused";
      diagnostics.push(
        diagnose(code, `${disk.device} is left out of the layout: ${reason}`, { subject: disk.device }),
      );
    }
    return usable && needed;
  });
  const drafted: DiskLayout = {
    ...emptyLayout,
    comments: [
      ` Disk layout of ${facts.hostname} (${facts.os.prettyName}, ${facts.firmware.toUpperCase()}), written by Ingot. `,
    ],
    ...withStack(facts, disks.map(diskFromFacts), diagnostics),
  };
  const lines = fstab.map((line, index): FilesystemLine => {
    const number = (index + 1) * 10;
    return line.kind === "comment"
      ? { ...plain, kind: "comment", line: number, text: line.text }
      : entryFromFstab(facts, line, { number, diagnostics, drafted });
  });
  const complete: DiskLayout = {
    ...drafted,
    lines: [...lines, ...missingLines(facts, { lines, diagnostics, drafted })],
  };
  const layout = growGroups(
    { ...complete, disks: complete.disks.map((disk) => growLast(complete, disk)) },
    facts,
  );
  return { layout, diagnostics };
}
