/** Sizes of arrays, encrypted volumes and volume groups: what the file says, what is left of partitions, what they need. */
import type { DiskLayout, LayoutRaid, LayoutVolume, LayoutVolumeGroup } from "./model.ts";
import { arrayMembers, setting } from "./stack.ts";

export const raidLevels = ["linear", "0", "1", "4", "5", "6", "10"] as const;
export type RaidLevel = (typeof raidLevels)[number];

/** The level in mdadm's short form, from any of its spellings. */
export function raidLevel(raid: LayoutRaid): RaidLevel | undefined {
  const text = (setting(raid, "raid_level") ?? "").toLowerCase().replace(/^raid-?/, "");
  const names: Readonly<Record<string, RaidLevel>> = { stripe: "0", mirror: "1", mp: "linear" };
  return names[text] ?? raidLevels.find((level) => level === text);
}

/** The least number of members that a level works with. */
export const leastMembers: Readonly<Record<RaidLevel, number>> = {
  linear: 1,
  "0": 2,
  "1": 2,
  "4": 3,
  "5": 3,
  "6": 4,
  "10": 2,
};

export interface ArrayShape {
  readonly level: RaidLevel;
  readonly active: number;
  readonly spares: number;
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}

/** Level and numbers of members; undefined where the level is none. Numbers that are not told follow from the members. */
export function arrayShape(layout: DiskLayout, raid: LayoutRaid): ArrayShape | undefined {
  const level = raidLevel(raid);
  const members = arrayMembers(layout, raid).length;
  const told = count(setting(raid, "raid_devices"));
  const spares =
    count(setting(raid, "spare_devices")) ?? Math.max(0, told === undefined ? 0 : members - told);
  return level === undefined ? undefined : { level, active: told ?? members - spares, spares };
}

/** How many members' worth of data an array holds. RAID 10 keeps two copies, as by default. */
export function dataMembers({ level, active }: ArrayShape): number {
  switch (level) {
    case "1":
      return 1;
    case "10":
      return active / 2;
    case "4":
    case "5":
      return active - 1;
    case "6":
      return active - 2;
    default:
      return active;
  }
}

export type VolumeSize =
  | { readonly kind: "mib"; readonly mib: number }
  /** `*` and `100%FREE`. */
  | { readonly kind: "rest" }
  | { readonly kind: "percent"; readonly of: "VG" | "FREE"; readonly value: number };

const unitMib: Readonly<Record<string, number>> = { k: 1 / 1024, m: 1, g: 1024, t: 1024 ** 2 };

/** Reads a volume's size: lvcreate's units are powers of 1024, MiB without one. */
export function volumeSize({ size }: LayoutVolume): VolumeSize | undefined {
  const text = size.trim();
  if (text === "*" || /^100%(?:FREE)?$/i.test(text)) {
    return { kind: "rest" };
  }
  const percent = /^(\d{1,3})%(VG|FREE)$/i.exec(text);
  if (percent?.[1] !== undefined) {
    const value = Number(percent[1]);
    const of = percent[2]?.toUpperCase() === "VG" ? "VG" : "FREE";
    return value >= 1 && value <= 100 ? { kind: "percent", of, value } : undefined;
  }
  const amount = /^(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?$/i.exec(text);
  if (amount?.[1] === undefined) {
    return undefined;
  }
  const mib = Number(amount[1]) * (unitMib[(amount[2] ?? "").toLowerCase()] ?? 1);
  return mib > 0 ? { kind: "mib", mib } : undefined;
}

/** Megabytes of an extent; 4 MiB unless the group says otherwise. */
export function extentMib(group: LayoutVolumeGroup): number {
  const text = setting(group, "phys_extent_size");
  const size = text === undefined ? undefined : volumeSize({ name: "", size: text, comments: [], extra: [] });
  return size?.kind === "mib" ? Math.max(1, Math.ceil(size.mib)) : 4;
}

/** What a member of a group holds for volumes: LVM keeps 1 MiB for itself and counts in extents. */
export function extentsOf(memberMib: number, extent: number): number {
  return Math.max(0, Math.floor((memberMib - 1) / extent));
}

/** What is left of a member in an array: md keeps up to a thousandth in front of the data, and 1 MiB at least. */
export function arrayDataMib(memberMib: number): number {
  return memberMib - Math.ceil(memberMib / 1024) - 1;
}

/** What LUKS2 keeps for its header. */
export const cryptHeaderMib = 16;
