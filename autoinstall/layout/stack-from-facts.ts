/** Arrays, encrypted volumes and volume groups of a golden client as a layout describes them. */
import type { ArrayFacts, GoldenFacts, VolumeGroupFacts } from "../../images/capture/facts.ts";
import { parsePartitionDevice } from "./device-name.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import {
  type Attribute,
  type DiskLayout,
  emptyLayout,
  type LayoutCrypt,
  type LayoutDisk,
  type LayoutRaid,
  type LayoutVolumeGroup,
  plain,
} from "./model.ts";
import { grows, rolesOn } from "./role.ts";
import { blockOf, canonicalDevice, membersOf, stackOrder, volumeDevice } from "./stack.ts";

const stackTypes: Readonly<Record<string, string>> = {
  LVM2_member: "an LVM physical volume",
  linux_raid_member: "a member of a RAID array",
  crypto_LUKS: "an encrypted volume",
};

/** True for the filesystem type of something that other devices lie on. */
export function isStackMember(type: string): boolean {
  return stackTypes[type] !== undefined;
}

function raidFromFacts(array: ArrayFacts, group: string | undefined): LayoutRaid {
  const spares = array.members.length - array.active;
  const settings: Attribute[] = [
    ["raid_level", array.level],
    ["raid_devices", String(array.active)],
    ...(spares > 0 ? [["spare_devices", String(spares)] as const] : []),
    ...(array.chunkKib === undefined ? [] : [["chunk_size", `${array.chunkKib}K`] as const]),
    ...(array.layout === undefined ? [] : [["layout", array.layout] as const]),
    ...(array.metadata === undefined ? [] : [["metadata", array.metadata] as const]),
    ...(group === undefined ? [] : [["lvm_group", group] as const]),
  ];
  return { ...plain, name: array.device, devices: array.members, settings };
}

/** Volumes that are plain: what LVM makes with a name and a size. */
const plainSegments = ["linear", "striped"];

function groupFromFacts(group: VolumeGroupFacts, diagnostics: Diagnostic[]): LayoutVolumeGroup {
  const volumes = group.volumes.filter(({ name, segments }, index, all) => {
    const first = all.findIndex((one) => one.name === name) === index;
    if (first && !plainSegments.includes(segments)) {
      const message = `${group.name}/${name} is a volume of type ${segments}; it is left out, only linear ones are made`;
      diagnostics.push(diagnose("stack-unknown", message, { subject: `/dev/${group.name}/${name}` }));
    }
    return first && plainSegments.includes(segments);
  });
  return {
    ...plain,
    name: group.name,
    settings: [["phys_extent_size", `${Math.round(group.extentBytes / 1024)}K`]],
    volumes: volumes.map(({ name, size }) => ({ ...plain, name, size: `${Math.round(size / 1024)}K` })),
  };
}

type Stacked = Pick<DiskLayout, "disks" | "raids" | "crypts" | "lvm">;

/** The disks with what lies on them. Members of groups name their group, wherever they are. */
export function withStack(
  facts: GoldenFacts,
  disks: readonly LayoutDisk[],
  diagnostics: Diagnostic[],
): Stacked {
  const groups = facts.volumeGroups ?? [];
  const groupOf = (device: string) => groups.find(({ members }) => members.includes(device))?.name;
  const raids = (facts.arrays ?? []).map((array) => raidFromFacts(array, groupOf(array.device)));
  const crypts = (facts.crypts ?? []).map(({ name, device }): LayoutCrypt => {
    const volumeGroup = groupOf(`/dev/mapper/${name}`);
    return { ...plain, name, device, ...(volumeGroup === undefined ? {} : { volumeGroup }) };
  });
  const described = groups.map((group) => groupFromFacts(group, diagnostics));
  const lvm = described.length === 0 ? [] : [{ ...plain, version: "2", groups: described }];
  const named = disks.map((disk) => ({
    ...disk,
    partitions: disk.partitions.map((partition) => {
      const device = facts.disks
        .find((one) => one.device === disk.device)
        ?.partitions.find(({ number }) => number === partition.number)?.device;
      const volumeGroup = device === undefined ? undefined : groupOf(device);
      const flags = [...new Set([...partition.flags, ...(volumeGroup === undefined ? [] : ["lvm"])])];
      return volumeGroup === undefined ? partition : { ...partition, flags, volumeGroup };
    }),
  }));
  const layout: DiskLayout = { ...emptyLayout, disks: named, raids, crypts, lvm };
  const used = new Set(
    stackOrder(layout)
      .flatMap((part) => membersOf(layout, part))
      .map((one) => canonicalDevice(layout, one)),
  );
  for (const { device, type } of facts.filesystems) {
    const kind = stackTypes[type];
    if (kind !== undefined && !used.has(canonicalDevice(layout, device)) && onDisks(layout, device)) {
      const message = `${device} is ${kind}, but what lies on it is not known; it is made empty`;
      diagnostics.push(diagnose("stack-unknown", message, { subject: device }));
    }
  }
  return { disks: named, raids, crypts, lvm };
}

function onDisks(layout: DiskLayout, device: string): boolean {
  const disk = parsePartitionDevice(device)?.disk;
  return blockOf(layout, device) !== undefined || layout.disks.some((one) => one.device === disk);
}

/** In a group that is all but full, the last volume that is of use when larger takes the rest; elsewhere sizes stay. */
export function growGroups(layout: DiskLayout, facts: GoldenFacts): DiskLayout {
  const full = new Set(
    (facts.volumeGroups ?? []).filter(({ size, free }) => free < size / 50).map(({ name }) => name),
  );
  const grown = (group: LayoutVolumeGroup): LayoutVolumeGroup => {
    const growing = group.volumes
      .filter((volume) => rolesOn(layout, volumeDevice(group, volume)).some(grows))
      .at(-1);
    return {
      ...group,
      volumes: group.volumes.map((volume) => (volume === growing ? { ...volume, size: "*" } : volume)),
    };
  };
  return {
    ...layout,
    lvm: layout.lvm.map((lvm) => ({
      ...lvm,
      groups: lvm.groups.map((group) => (full.has(group.name) ? grown(group) : group)),
    })),
  };
}
