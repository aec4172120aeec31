/** What lies in the volume groups and arrays of a disk, by what the virtual machine says that has opened them. */
import { AppError } from "../../base/errors.ts";
import { byteSize } from "../../base/quantity.ts";
import type { ArrayFacts, GoldenFacts, VolumeGroupFacts } from "../capture/facts.ts";
import { type DiskPart, nameOf, stackOf } from "./mount-plan.ts";

/** The disk as the machine knows it. */
export const machineDisk = "/dev/vda";

/** The stack on a disk, with the device names of the machine. */
export interface DiskStack {
  /** Arrays and logical volumes, whatever is on them. */
  readonly parts: readonly DiskPart[];
  readonly arrays: readonly ArrayFacts[];
  readonly volumeGroups: readonly VolumeGroupFacts[];
}

/** What was asked of the machine. */
export interface StackReport {
  readonly facts: Pick<GoldenFacts, "filesystems" | "arrays" | "volumeGroups">;
  /** Lines `LINK DEVICE` of /dev/md. */
  readonly arrayLinks: string;
  /** /proc/mdstat. */
  readonly arrayStates: string;
  /** `vgs -o vg_name,vg_missing_pv_count`, with bars between. */
  readonly missing: string;
}

/** The parts of the stack. Refuses a stack that is not whole: `what` is the file's name in messages. */
export function stackParts(what: string, report: StackReport): DiskStack {
  const { arrays = [], volumeGroups = [] } = report.facts;
  for (const line of report.missing.split("\n")) {
    const [group = "", count = ""] = line.trim().split("|");
    if (Number(count) > 0) {
      throw new AppError(
        "refused",
        `Cannot import ${what}: volume group ${group} lacks ${count} of its physical volumes, which are on other disks or damaged`,
        { hint: elsewhere },
      );
    }
  }
  const [stopped] = [...report.arrayStates.matchAll(/^(md\S+) : inactive (.*)$/gm)];
  if (stopped !== undefined) {
    const members = [...(stopped[2] ?? "").matchAll(/(\w+)\[/g)].map((member) => partName(member[1] ?? ""));
    throw new AppError(
      "refused",
      `Cannot import ${what}: the array of ${members.join(" and ")} cannot be started: it lacks members, which are on other disks or damaged`,
      { hint: elsewhere },
    );
  }
  const namesOf = new Map<string, readonly string[]>();
  for (const { device } of arrays) {
    const links = report.arrayLinks
      .split("\n")
      .flatMap((line) => (line.endsWith(` ${device}`) ? [line.slice(0, -device.length - 1)] : []));
    namesOf.set(device, [device, ...links]);
  }
  for (const { name, volumes } of volumeGroups) {
    for (const volume of volumes) {
      const mapped = `/dev/mapper/${mapperName(name)}-${mapperName(volume.name)}`;
      namesOf.set(mapped, [`/dev/${name}/${volume.name}`, mapped]);
    }
  }
  const parts = report.facts.filesystems.flatMap((filesystem): readonly DiskPart[] => {
    const { device, size = byteSize(0) } = filesystem;
    // A partition of an array: what follows the array's name.
    const names =
      namesOf.get(device) ?? (/^\/dev\/md[\w/-]*p\d+$/.test(device) ? ([device] as const) : undefined);
    return names === undefined
      ? []
      : [{ number: 0, device, start: byteSize(0), size, type: "", bootable: false, filesystem, names }];
  });
  const closed = parts.find((part) => {
    const kind = stackOf(part);
    return kind !== undefined && !kind.startsWith("LVM") && !kind.startsWith("software");
  });
  if (closed !== undefined) {
    throw new AppError("refused", `Cannot import ${what}: ${nameOf(closed)} is part of ${stackOf(closed)}`, {
      hint: "Start the machine and capture it (ingot capture), or copy its filesystems out and import the folder.",
    });
  }
  return { parts, arrays, volumeGroups };
}

const elsewhere = "Start the machine and capture it (ingot capture): a disk image is imported alone.";

/** Arrays that work without one of their members, one sentence each. */
export function degradedNotes({ arrays }: DiskStack): readonly string[] {
  return arrays
    .filter(({ active, members }) => members.length < active)
    .map(
      ({ device, level, active, members }) =>
        `array ${device} (${level}) was read with ${members.length} of its ${active} members: the others are not on this disk`,
    );
}

/** `vda3` is partition 3. */
function partName(kernelName: string): string {
  const number = /^vda(\d+)$/.exec(kernelName)?.[1];
  return number === undefined ? kernelName : `partition ${number}`;
}

function mapperName(name: string): string {
  return name.replaceAll("-", "--");
}

/** The stack with the disk's partitions under the names that the system on it knows. */
export function renamed(
  stack: Pick<DiskStack, "arrays" | "volumeGroups">,
  device: (number: number) => string,
): Pick<DiskStack, "arrays" | "volumeGroups"> {
  const own = (name: string) => {
    const number = /^\/dev\/vda(\d*)$/.exec(name)?.[1];
    return number === undefined ? name : device(Number(number));
  };
  return {
    arrays: stack.arrays.map((array) => ({ ...array, members: array.members.map(own) })),
    volumeGroups: stack.volumeGroups.map((group) => ({ ...group, members: group.members.map(own) })),
  };
}
