/** Whether the volumes of a group fit onto the partitions it is made of, in terms that `fit` and the master script share. */
import type { DiskLayout } from "./model.ts";
import { type TableOptions, volumeExtents } from "./need.ts";
import { arrayMembers, blockOf, groupMembers, volumeGroups } from "./stack.ts";
import { arrayDataMib, arrayShape, cryptHeaderMib, dataMembers, extentMib, extentsOf } from "./stack-size.ts";

export interface PartitionPlace {
  /** From 1, in the layout's order. */
  readonly disk: number;
  readonly partition: number;
}

/** MiB of a group's member as a sum over sizes of partitions. */
export type Room =
  | { readonly kind: "partition"; readonly place: PartitionPlace }
  /** `data` halves of a member's worth: RAID 10 has odd ones. */
  | { readonly kind: "array"; readonly halves: number; readonly members: readonly Room[] }
  | { readonly kind: "crypt"; readonly inner: Room };

export interface GroupNeed {
  readonly name: string;
  readonly extentMib: number;
  readonly members: readonly Room[];
  /** Extents that its volumes must get. */
  readonly extents: number;
}

/** Deeper than anybody stacks; ends a layout that goes in circles. */
const depthLimit = 8;

function roomOf(layout: DiskLayout, device: string, depth = 0): Room | undefined {
  const block = depth > depthLimit ? undefined : blockOf(layout, device);
  switch (block?.kind) {
    case "partition": {
      const disk = layout.disks.findIndex((one) => one.device === block.disk) + 1;
      return { kind: "partition", place: { disk, partition: block.partition.number } };
    }
    case "array": {
      const shape = arrayShape(layout, block.array);
      const members = arrayMembers(layout, block.array).map((one) => roomOf(layout, one, depth + 1));
      const known = members.filter((member) => member !== undefined);
      return shape === undefined || known.length < members.length
        ? undefined
        : { kind: "array", halves: dataMembers(shape) * 2, members: known };
    }
    case "crypt": {
      const inner = roomOf(layout, block.crypt.device, depth + 1);
      return inner === undefined ? undefined : { kind: "crypt", inner };
    }
    default:
      // A group on another group's volume: what that gives is for LVM to say.
      return undefined;
  }
}

/** What each group needs. Groups on other groups' volumes are left out. */
export function groupNeeds(layout: DiskLayout, options: TableOptions): readonly GroupNeed[] {
  return volumeGroups(layout).flatMap((group) => {
    const members = groupMembers(layout, group.name).map((device) => roomOf(layout, device));
    const known = members.filter((member) => member !== undefined);
    const extents = group.volumes
      .map((volume) => volumeExtents(layout, { group, volume }, options))
      .reduce((sum, one) => sum + one, 0);
    return known.length < members.length
      ? []
      : [{ name: group.name, extentMib: extentMib(group), members: known, extents }];
  });
}

function roomMib(room: Room, sizeOf: (place: PartitionPlace) => number): number {
  switch (room.kind) {
    case "partition":
      return sizeOf(room.place);
    case "array": {
      const least = Math.min(...room.members.map((member) => roomMib(member, sizeOf)));
      return Math.floor((arrayDataMib(least) * room.halves) / 2);
    }
    case "crypt":
      return roomMib(room.inner, sizeOf) - cryptHeaderMib;
    default:
      return room satisfies never;
  }
}

/** The extents that a group gets from partitions of known sizes. */
export function roomExtents(group: GroupNeed, sizeOf: (place: PartitionPlace) => number): number {
  return group.members
    .map((member) => extentsOf(roomMib(member, sizeOf), group.extentMib))
    .reduce((sum, one) => sum + one, 0);
}
