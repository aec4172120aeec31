/** Rules about arrays, encrypted volumes and volume groups. */
import { partitionWithLostP } from "./device-name.ts";
import { type CheckCode, type Diagnostic, diagnose } from "./diagnostic.ts";
import {
  type DiskLayout,
  type FstabEntry,
  installedEntries,
  type LayoutVolumeGroup,
  mountPath,
  type Position,
} from "./model.ts";
import { entryRole } from "./role.ts";
import {
  above,
  arrayMembers,
  blockOf,
  canonicalDevice,
  cryptDevice,
  cryptsUnder,
  groupMembers,
  isStackName,
  membersOf,
  type StackPart,
  setting,
  stackOrder,
  volumeDevice,
  volumeGroups,
} from "./stack.ts";
import { arrayShape, leastMembers, raidLevel, raidLevels, volumeSize } from "./stack-size.ts";

interface Named {
  readonly name: string;
  readonly at?: Position;
}

function about<Code extends CheckCode>(code: Code, named: Named, message: string): Diagnostic<Code> {
  return diagnose(code, message, { subject: named.name, at: named.at });
}

function aboutLine<Code extends CheckCode>(code: Code, entry: FstabEntry, message: string): Diagnostic<Code> {
  return diagnose(code, message, { subject: `line ${entry.line}`, at: entry.at });
}

function isArrayName(device: string): boolean {
  return /^\/dev\/md(?:\d|\/|_)/.test(device);
}

/** Devices that lines, arrays and encrypted volumes name. */
function namedDevices(layout: DiskLayout): readonly Named[] {
  return [
    ...installedEntries(layout).map(({ device, at }) => ({
      name: device,
      ...(at === undefined ? {} : { at }),
    })),
    ...layout.raids.flatMap(({ devices, at }) =>
      devices.map((name) => ({ name, ...(at === undefined ? {} : { at }) })),
    ),
    ...layout.crypts.map(({ device, at }) => ({ name: device, ...(at === undefined ? {} : { at }) })),
  ].filter(({ name }, index, all) => all.findIndex((one) => one.name === name) === index);
}

export function checkRaidMissing(layout: DiskLayout): readonly Diagnostic<"raid-missing">[] {
  return namedDevices(layout)
    .filter(({ name }) => isArrayName(name) && blockOf(layout, name) === undefined)
    .map((named) => about("raid-missing", named, `${named.name} is an array, but there is no <raid> for it`));
}

export function checkRaidLevel(layout: DiskLayout): readonly Diagnostic<"raid-level-unknown">[] {
  return layout.raids
    .filter((raid) => raidLevel(raid) === undefined)
    .map((raid) => {
      const level = setting(raid, "raid_level") ?? "";
      const message = `raid_level="${level}" of ${raid.name} is none of ${raidLevels.join(", ")}`;
      return about("raid-level-unknown", raid, message);
    });
}

export function checkRaidMembers(layout: DiskLayout): readonly Diagnostic<"raid-members">[] {
  return layout.raids.flatMap((raid) => {
    const shape = arrayShape(layout, raid);
    if (shape === undefined) {
      return [];
    }
    const members = arrayMembers(layout, raid).length;
    const least = leastMembers[shape.level];
    if (shape.active < least) {
      const message = `${raid.name} has ${shape.active} active members; level ${shape.level} needs at least ${least}`;
      return [about("raid-members", raid, message)];
    }
    const message = `${raid.name} is to have ${shape.active} members and ${shape.spares} spares, and ${members} are named`;
    return shape.active + shape.spares === members ? [] : [about("raid-members", raid, message)];
  });
}

export function checkStackMember(layout: DiskLayout): readonly Diagnostic<"stack-member-missing">[] {
  const owners = [
    ...layout.raids.flatMap((raid) =>
      raid.devices.map((device) => ({ owner: raid.name, device, at: raid.at })),
    ),
    ...layout.crypts.map(({ name, device, at }) => ({ owner: name, device, at })),
  ];
  return owners
    .filter(({ device }) => blockOf(layout, device) === undefined && !isArrayName(device))
    .map(({ owner, device, at }) => {
      const message = `${owner} is to be made on ${device}, which is not described`;
      return diagnose("stack-member-missing", message, { subject: device, at });
    });
}

export function checkStackUse(layout: DiskLayout): readonly Diagnostic<"stack-member-used-twice">[] {
  const parts = [
    ...layout.raids.map((array): StackPart => ({ kind: "array", array })),
    ...layout.crypts.map((crypt): StackPart => ({ kind: "crypt", crypt })),
    ...volumeGroups(layout).map((group): StackPart => ({ kind: "group", group })),
  ];
  const uses = parts.flatMap((part) => {
    const name =
      part.kind === "array" ? part.array.name : part.kind === "crypt" ? part.crypt.name : part.group.name;
    return membersOf(layout, part).map((device) => ({ device, by: name }));
  });
  const lines = installedEntries(layout).map((entry) => ({
    device: canonicalDevice(layout, entry.device),
    by: entry.mountPoint,
  }));
  return uses.flatMap(({ device, by }, index) => {
    const other = [...uses.slice(0, index), ...lines].find((one) => one.device === device);
    const message = `${device} is used for ${other?.by ?? ""} and for ${by}`;
    return other === undefined ? [] : [diagnose("stack-member-used-twice", message, { subject: device })];
  });
}

export function checkGroupEmpty(layout: DiskLayout): readonly Diagnostic<"lvm-group-empty">[] {
  return volumeGroups(layout)
    .filter(({ name }) => groupMembers(layout, name).length === 0)
    .map((group) =>
      about("lvm-group-empty", group, `Nothing names lvm_group="${group.name}": the group has no room`),
    );
}

/** Groups that partitions, arrays or encrypted volumes name and no element describes. */
export function checkGroupMissing(layout: DiskLayout): readonly Diagnostic<"lvm-group-missing">[] {
  const named = [
    ...layout.disks.flatMap(({ partitions }) =>
      partitions.map((one) => ({ ...one, group: one.volumeGroup })),
    ),
    ...layout.raids.map((raid) => ({ ...raid, group: setting(raid, "lvm_group") })),
    ...layout.crypts.map((crypt) => ({ ...crypt, group: crypt.volumeGroup })),
  ];
  const known = volumeGroups(layout).map(({ name }) => name);
  const missing = named.filter(({ group }) => group !== undefined && !known.includes(group));
  return missing
    .filter(({ group }, index) => missing.findIndex((one) => one.group === group) === index)
    .map(({ group = "", at }) => {
      const message = `lvm_group="${group}" is named, but there is no <lvm_group> for it`;
      return diagnose("lvm-group-missing", message, { subject: group, at });
    });
}

/** Names below a described group or /dev/mapper that nothing of the layout makes. */
export function checkVolumeMissing(layout: DiskLayout): readonly Diagnostic<"volume-missing">[] {
  const disks = layout.disks.map(({ device }) => device);
  return namedDevices(layout)
    .filter(({ name }) => isStackName(name) && !isArrayName(name))
    .filter(({ name }) => partitionWithLostP(name, disks) === undefined)
    .filter(({ name }) => blockOf(layout, name) === undefined)
    .map((named) =>
      about("volume-missing", named, `${named.name} is no volume that an <lvm_group> or <luks> describes`),
    );
}

function volumesOf(layout: DiskLayout) {
  return volumeGroups(layout).flatMap((group) =>
    group.volumes.map((volume) => ({ group, volume, name: volumeDevice(group, volume), at: volume.at })),
  );
}

export function checkVolumeSize(layout: DiskLayout): readonly Diagnostic<"volume-size-invalid">[] {
  return volumesOf(layout)
    .filter(({ volume }) => volumeSize(volume) === undefined)
    .map(({ volume, name, at }) => {
      const message = `size="${volume.size}" of ${name} is not a size such as 4G, 4096M, 4194304K, 50%VG, 100%FREE or *`;
      return diagnose("volume-size-invalid", message, { subject: name, at });
    });
}

function restVolumes(group: LayoutVolumeGroup) {
  return group.volumes.filter((volume) => volumeSize(volume)?.kind === "rest");
}

export function checkVolumeRest(layout: DiskLayout): readonly Diagnostic<"volume-rest-duplicate">[] {
  return volumeGroups(layout)
    .filter((group) => restVolumes(group).length > 1)
    .map((group) => {
      const names = restVolumes(group).map(({ name }) => name);
      const message = `${names.join(" and ")} of ${group.name} are both to have the rest of the group`;
      return about("volume-rest-duplicate", group, message);
    });
}

export function checkLvmFlag(layout: DiskLayout): readonly Diagnostic<"lvm-flag-missing">[] {
  return layout.disks.flatMap((disk) =>
    disk.partitions
      .filter(({ volumeGroup, flags }) => volumeGroup !== undefined && !flags.includes("lvm"))
      .map(({ number, at, volumeGroup }) => {
        const subject = `${disk.device} partition ${number}`;
        const message = `${subject} belongs to ${volumeGroup ?? ""} but lacks the flag lvm`;
        return diagnose("lvm-flag-missing", message, { subject, at });
      }),
  );
}

const plainName = /^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,99}$/;

export function checkStackName(layout: DiskLayout): readonly Diagnostic<"stack-name-invalid">[] {
  const names = [
    ...layout.raids.map(({ name, at }) => ({
      name,
      at,
      good: /^\/dev\/md(?:\d{1,3}|\/[A-Za-z0-9_.-]{1,32}|_[A-Za-z0-9_.-]{1,32})$/.test(name),
    })),
    ...layout.crypts.map(({ name, at }) => ({ name, at, good: plainName.test(name) })),
    ...volumeGroups(layout).flatMap((group) =>
      [group, ...group.volumes].map(({ name, at }) => ({
        name,
        at,
        good: plainName.test(name) && !/^\.+$/.test(name),
      })),
    ),
  ];
  return names
    .filter(({ good }) => !good)
    .map(({ name, at }) => {
      const message = `'${name}' cannot be the name of an array (/dev/md0, /dev/md/boot), a group or a volume`;
      return diagnose("stack-name-invalid", message, { subject: name, at });
    });
}

/** What can never be made, because it lies on itself. */
export function checkStackCircle(layout: DiskLayout): readonly Diagnostic<"stack-circular">[] {
  const made = stackOrder(layout);
  const devices = [
    ...layout.raids.filter((array) => !made.some((part) => part.kind === "array" && part.array === array)),
    ...layout.crypts.filter((crypt) => !made.some((part) => part.kind === "crypt" && part.crypt === crypt)),
  ].map((one) => ("devices" in one ? canonicalDevice(layout, one.name) : cryptDevice(one)));
  return devices
    .filter((device) => above(layout, device).some((one) => reaches(layout, one, device)))
    .map((device) =>
      diagnose("stack-circular", `${device} is to be made on something that lies on it`, { subject: device }),
    );
}

function reaches(layout: DiskLayout, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let device = open.pop(); device !== undefined; device = open.pop()) {
    if (device === to) {
      return true;
    }
    if (!seen.has(device)) {
      seen.add(device);
      open.push(...above(layout, device));
    }
  }
  return false;
}

/** GRUB reads /boot, and firmware the ESP, before anybody is asked for a passphrase. */
export function checkBootEncrypted(layout: DiskLayout): readonly Diagnostic<"boot-encrypted">[] {
  const entries = installedEntries(layout);
  const boot =
    entries.find((entry) => entryRole(entry) === "boot") ??
    entries.find((entry) => entryRole(entry) === "root");
  const read = entries.filter((entry) => entry === boot || entryRole(entry) === "esp");
  return read.flatMap((entry) => {
    const crypt = cryptsUnder(layout, entry.device)[0];
    const what = entryRole(entry) === "root" ? "/boot, which lies in /," : mountPath(entry);
    const message = `${what} is on the encrypted volume ${crypt?.name}, which the boot loader cannot read`;
    return crypt === undefined ? [] : [aboutLine("boot-encrypted", entry, message)];
  });
}

/** The image's own GRUB 2 is installed, whatever the file says; other loaders cannot be. */
export function checkBootloader(layout: DiskLayout): readonly Diagnostic<"bootloader-unsupported">[] {
  return layout.bootloaders
    .filter(({ flavor }) => flavor !== "grub2")
    .map(({ flavor, at }) => {
      const message = `<bootloader flavor="${flavor}">: the installer installs grub2`;
      return diagnose("bootloader-unsupported", message, { subject: flavor, at });
    });
}
