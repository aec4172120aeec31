/** The steps that make arrays and volume groups, and what device names of the layout become in the script. */
import { parsePartitionDevice } from "../layout/device-name.ts";
import {
  type DiskLayout,
  installedEntries,
  type LayoutCrypt,
  type LayoutRaid,
  type LayoutVolume,
  type LayoutVolumeGroup,
} from "../layout/model.ts";
import { rolesOn } from "../layout/role.ts";
import {
  blockOf,
  canonicalDevice,
  cryptDevice,
  everythingAbove,
  membersOf,
  setting,
  stackOrder,
  volumeDevice,
  volumeGroups,
} from "../layout/stack.ts";
import { arrayShape, volumeSize } from "../layout/stack-size.ts";
import type { BlockReference, InstallStep, StackDevice } from "./steps.ts";

/** What the script calls a device of a checked layout. */
export function blockReference(layout: DiskLayout, device: string): BlockReference {
  const block = blockOf(layout, device);
  switch (block?.kind) {
    case "array": {
      const node = canonicalDevice(layout, block.array.name);
      return { node, name: `MD_${layout.raids.indexOf(block.array) + 1}` };
    }
    case "crypt":
      return {
        node: `/dev/mapper/${block.crypt.name}`,
        name: `CRYPT_${layout.crypts.indexOf(block.crypt) + 1}`,
      };
    case "volume": {
      const group = volumeGroups(layout).indexOf(block.group) + 1;
      const volume = block.group.volumes.indexOf(block.volume) + 1;
      return { node: volumeDevice(block.group, block.volume), name: `LV_${group}_${volume}` };
    }
    default: {
      const place = parsePartitionDevice(device);
      const disk = layout.disks.findIndex((one) => one.device === place?.disk) + 1;
      return { disk, partition: place?.number ?? 0 };
    }
  }
}

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function chunkKib(raid: LayoutRaid): number | undefined {
  const text = /^(\d{1,7})\s*(k?)(?:i?b)?$/i.exec(setting(raid, "chunk_size") ?? "");
  const value = Number(text?.[1]);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}

/** Firmware reads a member of a mirrored ESP as a plain filesystem: the array's superblock has to be at the end. */
function metadata(layout: DiskLayout, raid: LayoutRaid): string {
  const told = setting(raid, "metadata");
  if (told !== undefined && /^(?:0\.90|1\.[012])$/.test(told)) {
    return told;
  }
  return rolesOn(layout, raid.name).includes("esp") ? "1.0" : "1.2";
}

function arrayStep(layout: DiskLayout, raid: LayoutRaid, hostname: string): readonly InstallStep[] {
  const shape = arrayShape(layout, raid);
  if (shape === undefined) {
    return [];
  }
  // A mirror has no chunks, and a layout is only of use where parity or copies are spread.
  const striped = shape.level !== "1" && shape.level !== "linear";
  const chunk = striped ? chunkKib(raid) : undefined;
  const spread = ["5", "6", "10"].includes(shape.level) ? setting(raid, "layout") : undefined;
  const uses = everythingAbove(layout, raid.name).slice(1);
  return [
    {
      kind: "make-array",
      node: canonicalDevice(layout, raid.name),
      ...shape,
      metadata: metadata(layout, raid),
      ...(chunk === undefined ? {} : { chunkKib: chunk }),
      ...(spread === undefined || !/^[a-z0-9-]{1,30}$/.test(spread) ? {} : { layout: spread }),
      hostname,
      members: membersOf(layout, { kind: "array", array: raid }).map((one) => blockReference(layout, one)),
      purpose: uses.length === 0 ? raid.name : `${raid.name}, for ${uses.join(", ")}`,
    },
  ];
}

function cryptStep(layout: DiskLayout, crypt: LayoutCrypt): InstallStep {
  const uses = everythingAbove(layout, cryptDevice(crypt)).slice(1);
  const entry = installedEntries(layout).find(
    ({ device }) => canonicalDevice(layout, device) === cryptDevice(crypt),
  );
  const used = entry === undefined ? uses.join(", ") : entry.mountPoint;
  return {
    kind: "make-crypt",
    name: crypt.name,
    place: blockReference(layout, crypt.device),
    purpose: used === "" ? crypt.name : `${crypt.name}, for ${used}`,
  };
}

/** Options of crypttab that hold on any machine. How the golden client found its key is no matter of this one's. */
const portableOption =
  /^(?:luks|discard|no-read-workqueue|no-write-workqueue|same-cpu-crypt|submit-from-crypt-cpus|nofail|noauto|tries=\d{1,3}|timeout=\d{1,5}|x-[a-z.-]{1,40}|_netdev)$/;

function cryptOptions(crypt: LayoutCrypt): string {
  const kept = (crypt.options ?? "").split(",").filter((option) => portableOption.test(option));
  return [...new Set(["luks", ...kept])].join(",");
}

function volumeStep(group: LayoutVolumeGroup, volume: LayoutVolume): InstallStep {
  const size = volumeSize(volume);
  const told =
    size?.kind === "mib"
      ? ["--size", `${Math.max(1, Math.round(size.mib * 1024))}k`]
      : size?.kind === "percent"
        ? ["--extents", `${size.value}%${size.of}`]
        : ["--extents", "100%FREE"];
  return {
    kind: "make-volume",
    group: group.name,
    name: volume.name,
    size: told,
    options: words(volume.options),
  };
}

function groupSteps(layout: DiskLayout, group: LayoutVolumeGroup): readonly InstallStep[] {
  const limits = [
    ["max_log_vols", "--maxlogicalvolumes"],
    ["max_phys_vols", "--maxphysicalvolumes"],
    ["phys_extent_size", "--physicalextentsize"],
  ] as const;
  const options = limits.flatMap(([name, option]) => {
    const value = setting(group, name);
    return value !== undefined && /^\d{1,9}(?:\.\d+)?[kKmMgG]?$/.test(value) && Number.parseFloat(value) > 0
      ? [option, value]
      : [];
  });
  const members = membersOf(layout, { kind: "group", group });
  // What takes the rest comes last: the others must have got theirs.
  const volumes = [...group.volumes].sort((a, b) => last(a) - last(b));
  return [
    {
      kind: "make-group",
      name: group.name,
      members: members.map((one) => blockReference(layout, one)),
      options,
    },
    ...volumes.map((volume) => volumeStep(group, volume)),
  ];
}

function last(volume: LayoutVolume): number {
  const size = volumeSize(volume);
  return size?.kind === "rest" ? 2 : size?.kind === "percent" && size.of === "FREE" ? 1 : 0;
}

/** The steps that make what lies between partitions and filesystems, in an order in which everything is there in time. */
export function stackSteps(layout: DiskLayout, hostname: string): readonly InstallStep[] {
  return stackOrder(layout).flatMap((part): readonly InstallStep[] => {
    switch (part.kind) {
      case "array":
        return arrayStep(layout, part.array, hostname);
      case "group":
        return groupSteps(layout, part.group);
      case "crypt":
        return [cryptStep(layout, part.crypt)];
      default:
        return part satisfies never;
    }
  });
}

/** What the steps make, in their order. */
export function stackDevices(layout: DiskLayout): readonly StackDevice[] {
  return stackOrder(layout).map((part): StackDevice => {
    switch (part.kind) {
      case "array":
        return { kind: "array", node: canonicalDevice(layout, part.array.name) };
      case "crypt":
        return {
          kind: "crypt",
          name: part.crypt.name,
          place: blockReference(layout, part.crypt.device),
          options: cryptOptions(part.crypt),
        };
      case "group":
        return { kind: "group", name: part.group.name };
      default:
        return part satisfies never;
    }
  });
}
