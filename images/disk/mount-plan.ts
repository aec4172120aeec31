/** What of a disk is mounted where: by the fstab of the system on it. */
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { FilesystemFacts, PartitionFacts } from "../capture/facts.ts";

/** A stretch of the disk with what was recognised on it. Number 0 is a disk without a partition table. */
export interface DiskPart extends PartitionFacts {
  readonly filesystem?: FilesystemFacts;
  /** For an array or a volume: the device names that a system may know it by. */
  readonly names?: readonly string[];
}

export interface PlannedMount {
  readonly part: DiskPart;
  /** Relative to the root of the system. */
  readonly at: RelPath;
  readonly subvolume?: string;
}

export interface MountPlan {
  /** Parents first. */
  readonly mounts: readonly PlannedMount[];
  /** What is left out, one sentence each. */
  readonly notes: readonly string[];
}

export const espType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/** Filesystems that are checked and read; everything else on a disk is said and left out. */
const readable: ReadonlySet<string> = new Set(["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"]);

/** Layers whose content only device mapper or md can show. */
const stacked: ReadonlyMap<string, string> = new Map([
  ["LVM2_member", "LVM"],
  ["linux_raid_member", "software RAID"],
  ["crypto_LUKS", "an encrypted volume"],
  ["bcache", "bcache"],
  ["zfs_member", "ZFS"],
]);

export function isReadable(part: DiskPart): boolean {
  return readable.has(part.filesystem?.type ?? "");
}

/** What kind of layer a part is, where it is one. */
export function stackOf(part: DiskPart): string | undefined {
  return stacked.get(part.filesystem?.type ?? "");
}

/** True for layers that a small virtual machine takes apart. */
export function isOpenedInMachine(part: DiskPart): boolean {
  return ["LVM2_member", "linux_raid_member"].includes(part.filesystem?.type ?? "");
}

/** A part in messages. */
export function nameOf(part: DiskPart): string {
  return part.names?.[0] ?? (part.number === 0 ? "the disk" : `partition ${part.number}`);
}

/** Names under which distributions keep the root of a btrfs, beside its top. */
export function rootSubvolumes(part: DiskPart): readonly (string | undefined)[] {
  return part.filesystem?.type === "btrfs" ? [undefined, "@", "root", "@rootfs"] : [undefined];
}

/** Mount options that keep the kernel from writing, whatever the filesystem says of itself. */
export function readOnlyOptions(part: DiskPart, subvolume: string | undefined): string {
  const own = unwritten[part.filesystem?.type ?? ""] ?? "";
  return `ro,nosuid,nodev,noexec${own}${subvolume === undefined ? "" : `,subvol=${subvolume}`}`;
}

const unwritten: Readonly<Record<string, string>> = {
  ext3: ",noload",
  ext4: ",noload",
  xfs: ",norecovery,nouuid",
  btrfs: ",norecovery",
};

/** Plans all but the root, which is mounted already: that is how the fstab is known. */
export function planMounts(system: {
  readonly fstab: string;
  readonly parts: readonly DiskPart[];
  readonly root: DiskPart;
  /** True where the system has this directory. */
  readonly hasFolder: (path: RelPath) => boolean;
}): MountPlan {
  const { parts, root } = system;
  const mounts: PlannedMount[] = [];
  const notes: string[] = [];
  for (const line of system.fstab.split("\n")) {
    const [source = "", point = "", , options = ""] = line.trim().split(/\s+/);
    const part = source.startsWith("#") ? undefined : partOf(unescapeOctal(source), parts);
    const at = parseRelPath(unescapeOctal(point).replace(/^\/+|\/+$/g, ""));
    if (part === undefined || !isReadable(part) || !at.ok || at.value === "" || point === "none") {
      continue;
    }
    const subvolume = /(?:^|,)subvol=([^,]+)/.exec(options)?.[1];
    mounts.push({ part, at: at.value, ...(subvolume === undefined ? {} : { subvolume }) });
  }
  for (const part of parts) {
    const used = part === root || mounts.some((mount) => mount.part === part);
    if (used || !isReadable(part)) {
      continue;
    }
    const at = part.type === espType ? espFolder(system.hasFolder) : undefined;
    if (at !== undefined && !mounts.some((mount) => mount.at === at)) {
      mounts.push({ part, at });
    } else {
      notes.push(`${nameOf(part)} (${part.filesystem?.type}) is not in the system's fstab and was left out`);
    }
  }
  return { mounts: mounts.sort((a, b) => depth(a.at) - depth(b.at)), notes };
}

function espFolder(hasFolder: (path: RelPath) => boolean): RelPath | undefined {
  return (["boot/efi", "efi"] as RelPath[]).find(hasFolder);
}

function depth(path: RelPath): number {
  return path.split("/").length;
}

/** The part that an fstab source means. A device name counts by its partition number: the disk's name is the old machine's. */
export function partOf(source: string, parts: readonly DiskPart[]): DiskPart | undefined {
  const tag = /^(UUID|LABEL|PARTUUID|PARTLABEL)="?([^"]*)"?$/.exec(source);
  const link = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(source);
  const [name, value] = [tag?.[1] ?? link?.[1]?.toUpperCase(), tag?.[2] ?? link?.[2] ?? ""];
  const same = (text: string | undefined) => text?.toLowerCase() === value.toLowerCase();
  switch (name) {
    case "UUID":
      return parts.find(({ filesystem }) => same(filesystem?.uuid));
    case "LABEL":
      return parts.find(({ filesystem }) => filesystem?.label === value);
    case "PARTUUID":
      return parts.find(({ uuid }) => same(uuid));
    case "PARTLABEL":
      return parts.find((part) => part.name === value);
    default: {
      const named = parts.find(({ names }) => names?.includes(source) === true);
      if (named !== undefined) {
        return named;
      }
      const number = /^\/dev\/(?:(?:sd|hd|vd|xvd)[a-z]|(?:nvme\d+n|mmcblk|loop)\d+p)(\d+)$/.exec(source)?.[1];
      return parts.find((part) => part.names === undefined && String(part.number) === number);
    }
  }
}

/** The name that the system gives its disk: the one its fstab uses, else the most usual. */
export function diskNameOf(fstab: string): string {
  const named = /^\/dev\/(?:((?:sd|hd|vd|xvd)[a-z])\d+|((?:nvme\d+n|mmcblk)\d+)p\d+)\s/m.exec(fstab);
  return `/dev/${named?.[1] ?? named?.[2] ?? "sda"}`;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
