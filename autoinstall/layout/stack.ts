/**
 * What lies between partitions and filesystems: arrays (md), encrypted volumes (LUKS) and volume groups (LVM), in any order on
 * top of each other. Everything here answers from the layout alone: what a device name means, what it is made of.
 */
import { parsePartitionDevice, partitionDevice } from "./device-name.ts";
import type {
  DiskLayout,
  LayoutCrypt,
  LayoutPartition,
  LayoutRaid,
  LayoutVolume,
  LayoutVolumeGroup,
} from "./model.ts";

/** What a device name of the layout stands for. */
export type Block =
  | { readonly kind: "partition"; readonly disk: string; readonly partition: LayoutPartition }
  | { readonly kind: "array"; readonly array: LayoutRaid }
  | { readonly kind: "crypt"; readonly crypt: LayoutCrypt }
  | { readonly kind: "volume"; readonly group: LayoutVolumeGroup; readonly volume: LayoutVolume };

/** `/dev/md/0` is `/dev/md0`; `/dev/mapper/vg-lv` is `/dev/vg/lv` for a group that the layout has. */
export function canonicalDevice(layout: DiskLayout, device: string): string {
  const numbered = /^\/dev\/md\/(\d+)$/.exec(device);
  if (numbered?.[1] !== undefined) {
    return `/dev/md${numbered[1]}`;
  }
  const mapped = /^\/dev\/mapper\/(.+)$/.exec(device)?.[1];
  if (mapped === undefined) {
    return device;
  }
  for (const group of volumeGroups(layout)) {
    const volume = group.volumes.find((one) => mapperName(group.name, one.name) === mapped);
    if (volume !== undefined) {
      return volumeDevice(group, volume);
    }
  }
  return device;
}

/** The name below /dev/mapper, in which a dash of a name is doubled. */
export function mapperName(group: string, volume: string): string {
  return `${group.replaceAll("-", "--")}-${volume.replaceAll("-", "--")}`;
}

export function volumeDevice(group: LayoutVolumeGroup, volume: LayoutVolume): string {
  return `/dev/${group.name}/${volume.name}`;
}

export function cryptDevice(crypt: LayoutCrypt): string {
  return `/dev/mapper/${crypt.name}`;
}

export function volumeGroups(layout: DiskLayout): readonly LayoutVolumeGroup[] {
  return layout.lvm.flatMap(({ groups }) => groups);
}

export function setting(raid: LayoutRaid | LayoutVolumeGroup, name: string): string | undefined {
  const value = raid.settings.find(([key]) => key === name)?.[1].trim();
  return value === "" || value === "-" ? undefined : value;
}

/** What a device name stands for; undefined where the layout does not describe it. */
export function blockOf(layout: DiskLayout, name: string): Block | undefined {
  const device = canonicalDevice(layout, name);
  const array = layout.raids.find((raid) => canonicalDevice(layout, raid.name) === device);
  if (array !== undefined) {
    return { kind: "array", array };
  }
  const crypt = layout.crypts.find((one) => cryptDevice(one) === device);
  if (crypt !== undefined) {
    return { kind: "crypt", crypt };
  }
  for (const group of volumeGroups(layout)) {
    const volume = group.volumes.find((one) => volumeDevice(group, one) === device);
    if (volume !== undefined) {
      return { kind: "volume", group, volume };
    }
  }
  const place = parsePartitionDevice(device);
  const disk = layout.disks.find((one) => one.device === place?.disk);
  const partition = disk?.partitions.find(({ number }) => number === place?.number);
  return disk === undefined || partition === undefined
    ? undefined
    : { kind: "partition", disk: disk.device, partition };
}

/** An array's members in order: those that it lists, then partitions that name it. */
export function arrayMembers(layout: DiskLayout, raid: LayoutRaid): readonly string[] {
  const name = canonicalDevice(layout, raid.name);
  const naming = partitionsWhere(
    layout,
    ({ raidDevice }) => raidDevice !== undefined && canonicalDevice(layout, raidDevice) === name,
  );
  return [...new Set([...raid.devices, ...naming].map((device) => canonicalDevice(layout, device)))];
}

/** The devices that a group's volumes lie on. */
export function groupMembers(layout: DiskLayout, group: string): readonly string[] {
  return [
    ...partitionsWhere(layout, ({ volumeGroup }) => volumeGroup === group),
    ...layout.raids
      .filter((raid) => setting(raid, "lvm_group") === group)
      .map(({ name }) => canonicalDevice(layout, name)),
    ...layout.crypts.filter(({ volumeGroup }) => volumeGroup === group).map(cryptDevice),
  ];
}

function partitionsWhere(
  layout: DiskLayout,
  test: (partition: LayoutPartition) => boolean,
): readonly string[] {
  return layout.disks.flatMap((disk) =>
    disk.partitions
      .filter((partition) => test(partition))
      .map(({ number }) => partitionDevice(disk.device, number)),
  );
}

/** What a device directly lies on; nothing for a partition. */
export function below(layout: DiskLayout, device: string): readonly string[] {
  const block = blockOf(layout, device);
  switch (block?.kind) {
    case "array":
      return arrayMembers(layout, block.array);
    case "crypt":
      return [canonicalDevice(layout, block.crypt.device)];
    case "volume":
      return groupMembers(layout, block.group.name);
    default:
      return [];
  }
}

/** The devices that lie directly on a device: its array, encrypted volume, or the volumes of its group. */
export function above(layout: DiskLayout, name: string): readonly string[] {
  const device = canonicalDevice(layout, name);
  const arrays = layout.raids
    .filter((raid) => arrayMembers(layout, raid).includes(device))
    .map((raid) => canonicalDevice(layout, raid.name));
  const crypts = layout.crypts
    .filter((crypt) => canonicalDevice(layout, crypt.device) === device)
    .map(cryptDevice);
  const volumes = volumeGroups(layout)
    .filter(({ name: group }) => groupMembers(layout, group).includes(device))
    .flatMap((group) => group.volumes.map((volume) => volumeDevice(group, volume)));
  return [...arrays, ...crypts, ...volumes];
}

function closure(start: string, next: (device: string) => readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const open = [start];
  for (let device = open.pop(); device !== undefined; device = open.pop()) {
    if (!seen.has(device)) {
      seen.add(device);
      open.push(...next(device));
    }
  }
  return [...seen];
}

/** The device and everything that lies on it, however high. A layout that goes in circles ends too. */
export function everythingAbove(layout: DiskLayout, device: string): readonly string[] {
  return closure(canonicalDevice(layout, device), (one) => above(layout, one));
}

/** The partitions that a device is made of in the end. */
export function partitionsUnder(
  layout: DiskLayout,
  device: string,
): readonly { readonly disk: string; readonly partition: LayoutPartition }[] {
  return closure(canonicalDevice(layout, device), (one) => below(layout, one)).flatMap((one) => {
    const block = blockOf(layout, one);
    return block?.kind === "partition" ? [block] : [];
  });
}

/** The encrypted volumes that a device is or lies on. */
export function cryptsUnder(layout: DiskLayout, device: string): readonly LayoutCrypt[] {
  return closure(canonicalDevice(layout, device), (one) => below(layout, one)).flatMap((one) => {
    const block = blockOf(layout, one);
    return block?.kind === "crypt" ? [block.crypt] : [];
  });
}

/** True where a name is one that md, device mapper or a volume of a group has, described or not. */
export function isStackName(device: string): boolean {
  const [, first = "", second] = /^\/dev\/([^/]+)(?:\/([^/]+))?$/.exec(device) ?? [];
  const grouped = second !== undefined && first !== "disk" && parsePartitionDevice(device) === undefined;
  const multipath = device.startsWith("/dev/mapper/") && parsePartitionDevice(device) !== undefined;
  return grouped || (!multipath && /^\/dev\/(?:md(?:\d|\/|_)|mapper\/|dm-)/.test(device));
}

/** A thing that is made after the partitions: an array, an encrypted volume, or a group with its volumes. */
export type StackPart =
  | { readonly kind: "array"; readonly array: LayoutRaid }
  | { readonly kind: "crypt"; readonly crypt: LayoutCrypt }
  | { readonly kind: "group"; readonly group: LayoutVolumeGroup };

/** What has to be made on the partitions, in an order in which everything is there before it is used. */
export function stackOrder(layout: DiskLayout): readonly StackPart[] {
  const waiting: StackPart[] = [
    ...layout.raids.map((array): StackPart => ({ kind: "array", array })),
    ...layout.crypts.map((crypt): StackPart => ({ kind: "crypt", crypt })),
    ...volumeGroups(layout).map((group): StackPart => ({ kind: "group", group })),
  ];
  const ordered: StackPart[] = [];
  const made = new Set<string>();
  const ready = (device: string) => made.has(device) || blockOf(layout, device)?.kind === "partition";
  for (;;) {
    const next = waiting.findIndex((part) => membersOf(layout, part).every(ready));
    const [part] = next < 0 ? [] : waiting.splice(next, 1);
    if (part === undefined) {
      return ordered;
    }
    ordered.push(part);
    for (const device of devicesOf(layout, part)) {
      made.add(device);
    }
  }
}

export function membersOf(layout: DiskLayout, part: StackPart): readonly string[] {
  switch (part.kind) {
    case "array":
      return arrayMembers(layout, part.array);
    case "crypt":
      return [canonicalDevice(layout, part.crypt.device)];
    case "group":
      return groupMembers(layout, part.group.name);
    default:
      return part satisfies never;
  }
}

function devicesOf(layout: DiskLayout, part: StackPart): readonly string[] {
  switch (part.kind) {
    case "array":
      return [canonicalDevice(layout, part.array.name)];
    case "crypt":
      return [cryptDevice(part.crypt)];
    case "group":
      return part.group.volumes.map((volume) => volumeDevice(part.group, volume));
    default:
      return part satisfies never;
  }
}
