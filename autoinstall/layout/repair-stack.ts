/** Repairs of arrays and volume groups. */
import { parsePartitionDevice } from "./device-name.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { layoutFromFacts } from "./from-facts.ts";
import { type DiskLayout, type LayoutDisk, plain } from "./model.ts";
import type { RepairContext, Repaired } from "./repaired.ts";
import { arrayMembers, blockOf, canonicalDevice, groupMembers, setting, volumeGroups } from "./stack.ts";

function changeDisks(layout: DiskLayout, change: (disk: LayoutDisk) => LayoutDisk): DiskLayout {
  return { ...layout, disks: layout.disks.map(change) };
}

/** Adds the flag that the group's name calls for. */
export function repairLvmFlag(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const changed = changeDisks(layout, (disk) => ({
    ...disk,
    partitions: disk.partitions.map((partition) =>
      finding.subject === `${disk.device} partition ${partition.number}`
        ? { ...partition, flags: [...partition.flags, "lvm"] }
        : partition,
    ),
  }));
  return { layout: changed, text: `${finding.subject} got the flag lvm` };
}

/** Counts the members that are named, where the numbers told do not match. */
export function repairRaidMembers(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const index = layout.raids.findIndex(({ name }) => name === finding.subject);
  const raid = layout.raids[index];
  const members = raid === undefined ? 0 : arrayMembers(layout, raid).length;
  const spares = Number((raid === undefined ? undefined : setting(raid, "spare_devices")) ?? "0");
  if (raid === undefined || members - spares < 1) {
    return undefined;
  }
  const settings = raid.settings.map(([name, value]) =>
    name === "raid_devices" ? ([name, String(members - spares)] as const) : ([name, value] as const),
  );
  const raids = layout.raids.with(index, { ...raid, settings });
  return { layout: { ...layout, raids }, text: `${raid.name} has ${members} members, as are named` };
}

/** Describes a mirror's other disk after the one that is described. */
export function repairMemberDisk(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const place = parsePartitionDevice(finding.subject);
  const raid = layout.raids.find(({ devices }) => devices.includes(finding.subject));
  const twins = (raid === undefined ? [] : raid.devices)
    .map((device) => parsePartitionDevice(device))
    .filter((twin) => twin !== undefined && twin.number === place?.number);
  const twin = layout.disks.find(
    ({ device, partitions }) => partitions.length > 0 && twins.some((one) => one?.disk === device),
  );
  const described = layout.disks.some(({ device }) => device === place?.disk);
  if (place === undefined || twin === undefined || described) {
    return undefined;
  }
  const comment = ` Rebuilt by Ingot as ${twin.device}, whose arrays it shares. `;
  const partitions = twin.partitions.map(({ volumeGroup: _own, ...partition }) => partition);
  const disk: LayoutDisk = { ...twin, device: place.disk, comments: [comment], partitions };
  return {
    layout: { ...layout, disks: [...layout.disks, disk] },
    text: `The <disk> section of ${place.disk} was rebuilt as that of ${twin.device}, whose arrays it shares`,
  };
}

/** Takes the array from the golden client, where all its members are described. */
export function repairRaidMissing(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const known = context.facts === undefined ? undefined : layoutFromFacts(context.facts).layout;
  const wanted = canonicalDevice(layout, finding.subject);
  const raid = known?.raids.find(({ name }) => canonicalDevice(layout, name) === wanted);
  return raid === undefined || !raid.devices.every((device) => blockOf(layout, device) !== undefined)
    ? undefined
    : {
        layout: { ...layout, raids: [...layout.raids, raid] },
        text: `${finding.subject} was described as it is on the golden client`,
      };
}

/** Takes a group that the layout names, or whose volumes it names, from the golden client. */
export function repairGroupMissing(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const known = context.facts === undefined ? undefined : layoutFromFacts(context.facts).layout;
  const block = known === undefined ? undefined : blockOf(known, finding.subject);
  const name = block?.kind === "volume" ? block.group.name : finding.subject;
  const group = known === undefined ? undefined : volumeGroups(known).find((one) => one.name === name);
  return group === undefined || volumeGroups(layout).some((one) => one.name === name)
    ? undefined
    : {
        layout: { ...layout, lvm: [...layout.lvm, { ...plain, version: "2", groups: [group] }] },
        text: `The group ${name} was described as it is on the golden client`,
      };
}

/** The arrays that hold the group on the golden client, where their members are described and they are not. */
function groupFromFacts(layout: DiskLayout, group: string, context: RepairContext): Repaired | undefined {
  const known = context.facts === undefined ? undefined : layoutFromFacts(context.facts).layout;
  const raids = (known?.raids ?? []).filter(
    (raid) =>
      setting(raid, "lvm_group") === group &&
      blockOf(layout, raid.name) === undefined &&
      raid.devices.every((device) => blockOf(layout, device) !== undefined),
  );
  const names = raids.map(({ name }) => name).join(", ");
  return raids.length === 0
    ? undefined
    : {
        layout: { ...layout, raids: [...layout.raids, ...raids] },
        text: `${group} lies on ${names}, as on the golden client`,
      };
}

/**
 * Gives a group what it lies on on the golden client, or else the only thing that could be meant: the one partition with the
 * flag lvm that no group has.
 */
export function repairGroupEmpty(
  layout: DiskLayout,
  finding: Diagnostic,
  context: RepairContext,
): Repaired | undefined {
  const told = groupFromFacts(layout, finding.subject, context);
  if (told !== undefined) {
    return told;
  }
  const free = layout.disks.flatMap((disk) =>
    disk.partitions
      .filter(({ flags, volumeGroup }) => flags.includes("lvm") && volumeGroup === undefined)
      .map((partition) => ({ disk, partition })),
  );
  const empty = volumeGroups(layout).filter(({ name }) => groupMembers(layout, name).length === 0);
  const [only, ...others] = free;
  if (only === undefined || others.length > 0 || empty.length > 1) {
    return undefined;
  }
  const changed = changeDisks(layout, (disk) =>
    disk === only.disk
      ? {
          ...disk,
          partitions: disk.partitions.map((one) =>
            one === only.partition ? { ...one, volumeGroup: finding.subject } : one,
          ),
        }
      : disk,
  );
  const name = `${only.disk.device} partition ${only.partition.number}`;
  return { layout: changed, text: `${finding.subject} lies on ${name}, the only one with the flag lvm` };
}
