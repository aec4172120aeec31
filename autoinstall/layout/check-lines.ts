/** Rules about filesystem lines, and about lines and disk sections together. */
import { deviceFamily, isRemovableMedium, parsePartitionDevice, partitionWithLostP } from "./device-name.ts";
import { type CheckCode, type Diagnostic, diagnose } from "./diagnostic.ts";
import {
  type DiskLayout,
  type FilesystemLine,
  type FstabEntry,
  filesystemLabel,
  installedEntries,
  isSwapFile,
  makeable,
  makeableFilesystems,
  mountPath,
  subvolume,
} from "./model.ts";
import { canonicalDevice, isStackName } from "./stack.ts";

function aboutLine<Code extends CheckCode>(
  code: Code,
  line: FilesystemLine,
  message: string,
): Diagnostic<Code> {
  return diagnose(code, message, { subject: `line ${line.line}`, at: line.at });
}

/** About a device that several lines may name: its own name is the subject. */
function aboutDevice<Code extends CheckCode>(
  code: Code,
  entry: FstabEntry,
  message: string,
): Diagnostic<Code> {
  return diagnose(code, message, { subject: entry.device, at: entry.at });
}

function sectionDisks(layout: DiskLayout): readonly string[] {
  return layout.disks.filter(({ partitions }) => partitions.length > 0).map(({ device }) => device);
}

/** Entries whose partition lies on a disk that has no section with partitions. */
function entriesWithoutSection(layout: DiskLayout): readonly FstabEntry[] {
  const known = sectionDisks(layout);
  return installedEntries(layout).filter((entry) => {
    const disk = parsePartitionDevice(entry.device)?.disk;
    return disk !== undefined && deviceFamily(disk) !== "md" && !known.includes(disk);
  });
}

/**
 * The disk that the lines now name otherwise: one disk is described, the lines name one other, and every partition they
 * name is described. That is what is left after a controller was changed and only half of the file with it.
 */
export function renamedDisk(layout: DiskLayout): { readonly from: string; readonly to: string } | undefined {
  const [to, ...others] = sectionDisks(layout);
  const entries = entriesWithoutSection(layout);
  const [from, ...further] = [
    ...new Set(entries.map(({ device }) => parsePartitionDevice(device)?.disk ?? "")),
  ];
  if (to === undefined || from === undefined || others.length + further.length > 0) {
    return undefined;
  }
  const numbers = layout.disks.find(({ device }) => device === to)?.partitions.map(({ number }) => number);
  const named = entries.map(({ device }) => parsePartitionDevice(device)?.number ?? 0);
  const usedHere = installedEntries(layout).some(({ device }) => parsePartitionDevice(device)?.disk === to);
  return !usedHere && named.every((number) => numbers?.includes(number)) ? { from, to } : undefined;
}

export function checkDeviceFamily(layout: DiskLayout): readonly Diagnostic<"device-family-changed">[] {
  const renamed = renamedDisk(layout);
  if (renamed === undefined) {
    return [];
  }
  const message = `The filesystem lines name ${renamed.from}, the only disk described is ${renamed.to}`;
  return [diagnose("device-family-changed", message, { subject: renamed.from })];
}

export function checkDiskSection(layout: DiskLayout): readonly Diagnostic<"disk-section-missing">[] {
  if (renamedDisk(layout) !== undefined) {
    return [];
  }
  const entries = entriesWithoutSection(layout);
  const disks = new Set(entries.map(({ device }) => parsePartitionDevice(device)?.disk ?? ""));
  return [...disks].map((disk) => {
    const first = entries.find(({ device }) => parsePartitionDevice(device)?.disk === disk);
    const empty = layout.disks.find(({ device }) => device === disk);
    const lack = empty === undefined ? "there is no <disk> section for it" : "its <disk> section is empty";
    const message = `The filesystem lines name partitions of ${disk}, but ${lack}`;
    return diagnose("disk-section-missing", message, { subject: disk, at: empty?.at ?? first?.at });
  });
}

export function checkLostP(layout: DiskLayout): readonly Diagnostic<"device-lost-p">[] {
  return installedEntries(layout).flatMap((entry) => {
    const meant = partitionWithLostP(entry.device, sectionDisks(layout));
    if (meant === undefined || parsePartitionDevice(entry.device) !== undefined) {
      return [];
    }
    const message = `${entry.device} lacks the p before the partition number (${meant.disk}p${meant.number})`;
    return [aboutDevice("device-lost-p", entry, message)];
  });
}

/** A name below /dev/disk is that of a disk or a filesystem of the golden client: no other machine has it. */
export function checkDeviceLink(layout: DiskLayout): readonly Diagnostic<"device-by-link">[] {
  return installedEntries(layout)
    .filter(({ device }) => device.startsWith("/dev/disk/by-"))
    .map((entry) => {
      const message = `${entry.device} (for ${entry.mountPoint}) is a name that only the golden client has`;
      return aboutDevice("device-by-link", entry, message);
    });
}

export function checkPartitionMissing(layout: DiskLayout): readonly Diagnostic<"partition-missing">[] {
  const known = sectionDisks(layout);
  return installedEntries(layout).flatMap((entry) => {
    const place = parsePartitionDevice(entry.device);
    const lost = partitionWithLostP(entry.device, known) !== undefined;
    if ((isStackName(entry.device) && !lost) || entry.device.startsWith("/dev/disk/by-")) {
      return [];
    }
    if (place === undefined) {
      const message = `${entry.device} (for ${entry.mountPoint}) is not the name of a partition`;
      return lost ? [] : [aboutDevice("partition-missing", entry, message)];
    }
    const disk = layout.disks.find(({ device }) => device === place.disk);
    const missing =
      known.includes(place.disk) && !disk?.partitions.some(({ number }) => number === place.number);
    const message = `${entry.device} (for ${entry.mountPoint}) is not among the partitions of ${place.disk}`;
    return missing ? [aboutDevice("partition-missing", entry, message)] : [];
  });
}

export function checkPartitionUsedTwice(layout: DiskLayout): readonly Diagnostic<"partition-used-twice">[] {
  const entries = installedEntries(layout);
  const identity = (entry: FstabEntry) =>
    `${canonicalDevice(layout, entry.device)} ${subvolume(entry) ?? ""}`.trim();
  return entries
    .filter((entry, index) => entries.findIndex((one) => identity(one) === identity(entry)) < index)
    .map((entry) => {
      const message = `${entry.device} is to be made a second time, for ${entry.mountPoint}`;
      return aboutLine("partition-used-twice", entry, message);
    });
}

export function checkLineNumber(layout: DiskLayout): readonly Diagnostic<"line-number-invalid">[] {
  return layout.lines
    .filter(({ line }) => line < 1)
    .map((line) => aboutLine("line-number-invalid", line, "An <fsinfo> has no line number of 1 or more"));
}

export function checkLineDuplicate(layout: DiskLayout): readonly Diagnostic<"line-number-duplicate">[] {
  return layout.lines
    .filter(({ line }, index) => line > 0 && layout.lines.findIndex((one) => one.line === line) < index)
    .map((line) => {
      const message = `Two <fsinfo> have line="${line.line}"`;
      return aboutLine("line-number-duplicate", line, message);
    });
}

/** The predecessor marked only some of the drives that fstab named as not to be formatted. */
export function checkRemovableMedium(layout: DiskLayout): readonly Diagnostic<"removable-medium">[] {
  return installedEntries(layout)
    .filter(({ device }) => isRemovableMedium(device))
    .map((entry) => {
      const message = `${entry.device} (for ${entry.mountPoint}) is a drive for removable media, and is to be formatted`;
      return aboutLine("removable-medium", entry, message);
    });
}

export function checkFilesystemMissing(layout: DiskLayout): readonly Diagnostic<"filesystem-missing">[] {
  return installedEntries(layout)
    .filter(({ filesystem }) => filesystem === "")
    .map((entry) => {
      const message = `${entry.device} (for ${entry.mountPoint}) has no filesystem type`;
      return aboutLine("filesystem-missing", entry, message);
    });
}

export function checkFilesystemUnsupported(
  layout: DiskLayout,
): readonly Diagnostic<"filesystem-unsupported">[] {
  return installedEntries(layout)
    .filter(({ filesystem }) => filesystem !== "" && makeable(filesystem) === undefined)
    .map((entry) => {
      const message = `${entry.device} is to be ${entry.filesystem}, which the installer cannot make (it makes ${makeableFilesystems.join(", ")})`;
      return aboutLine("filesystem-unsupported", entry, message);
    });
}

function isMountPath(path: string): boolean {
  const inside = path.startsWith("/") && !path.split("/").some((part) => part === ".." || part === ".");
  return inside && !/[^\u{20}-\u{ff}]/u.test(path);
}

export function checkMountPoint(layout: DiskLayout): readonly Diagnostic<"mount-point-invalid">[] {
  return installedEntries(layout)
    .filter((entry) => entry.filesystem !== "swap" && !isMountPath(mountPath(entry)))
    .map((entry) => {
      const message = `mp="${entry.mountPoint}" of ${entry.device} is not an absolute path without '.' and '..'`;
      return aboutLine("mount-point-invalid", entry, message);
    });
}

export function checkMountPointDuplicate(layout: DiskLayout): readonly Diagnostic<"mount-point-duplicate">[] {
  const entries = installedEntries(layout).filter(({ filesystem }) => filesystem !== "swap");
  return entries
    .filter((entry, index) => entries.findIndex((one) => mountPath(one) === mountPath(entry)) < index)
    .map((entry) => {
      const message = `Two filesystems are to be mounted at ${entry.mountPoint}`;
      return aboutLine("mount-point-duplicate", entry, message);
    });
}

export function checkRoot(layout: DiskLayout): readonly Diagnostic<"root-missing">[] {
  const found = installedEntries(layout).some(
    (entry) => mountPath(entry) === "/" && entry.filesystem !== "swap",
  );
  const message = "No <fsinfo> makes a filesystem for /";
  return found ? [] : [diagnose("root-missing", message, { subject: "/" })];
}

/** The longest label, in bytes, that the filesystem's tools take. */
export const labelLimits = {
  ext2: 16,
  ext3: 16,
  ext4: 16,
  xfs: 12,
  btrfs: 255,
  vfat: 11,
  f2fs: 512,
  swap: 15,
} as const;

export function checkLabelLength(layout: DiskLayout): readonly Diagnostic<"label-too-long">[] {
  return installedEntries(layout).flatMap((entry) => {
    const label = filesystemLabel(entry);
    const type = makeable(entry.filesystem);
    if (label === undefined || type === undefined) {
      return [];
    }
    const limit = labelLimits[type];
    const message = `Label '${label}' of ${entry.device} is over the ${limit} bytes that ${type} holds`;
    return new TextEncoder().encode(label).length <= limit
      ? []
      : [aboutLine("label-too-long", entry, message)];
  });
}

export function checkSwapFile(layout: DiskLayout): readonly Diagnostic<"swap-file-size-missing">[] {
  return layout.lines
    .filter((line): line is FstabEntry => line.kind === "entry" && isSwapFile(line))
    .filter(({ fileSize }) => fileSize === undefined || fileSize === 0)
    .map((entry) => {
      const message = `The swap file ${entry.device} has no size="…" in MB`;
      return aboutLine("swap-file-size-missing", entry, message);
    });
}

/** subvolid= is the number of a subvolume of the golden client: on a fresh filesystem it names another one, or none. */
export function checkSubvolumeNumber(layout: DiskLayout): readonly Diagnostic<"subvolume-number">[] {
  return installedEntries(layout)
    .filter(({ filesystem, options }) => filesystem === "btrfs" && /(?:^|,)subvolid=/.test(options))
    .map((entry) => {
      const message = `options="${entry.options}" of ${entry.device} names a subvolume by its number, which a fresh filesystem does not have`;
      return aboutLine("subvolume-number", entry, message);
    });
}
