/** What a partition is for, told by its mount point and flags, and how large such a one is when nothing better is known. */

import { partitionDevice } from "./device-name.ts";
import {
  type DiskLayout,
  type FstabEntry,
  installedEntries,
  type LayoutDisk,
  type LayoutPartition,
  mountPath,
} from "./model.ts";
import { canonicalDevice, everythingAbove } from "./stack.ts";

export type PartitionRole =
  | "root"
  | "boot"
  | "esp"
  | "swap"
  | "bios-boot"
  | "data" // any other mounted filesystem
  | "other"; // no filesystem line names it

const megabyte = 1_000_000;

/** Bytes that a partition of a role gets where neither the golden client's table nor its used size is known. */
export function defaultBytes(role: PartitionRole, mountPoint: string): number {
  const byMountPoint: Readonly<Record<string, number>> = {
    "/usr": 10_000 * megabyte,
    "/var": 10_000 * megabyte,
    "/opt": 5_000 * megabyte,
    "/tmp": 2_000 * megabyte,
    "/var/log": 4_000 * megabyte,
    "/home": 10_000 * megabyte,
  };
  const byRole: Readonly<Record<PartitionRole, number>> = {
    root: 10_000 * megabyte,
    boot: 1_000 * megabyte,
    esp: 512 * megabyte,
    swap: 2_000 * megabyte,
    "bios-boot": megabyte,
    data: 5_000 * megabyte,
    other: 1_000 * megabyte,
  };
  return byMountPoint[mountPoint] ?? byRole[role];
}

/** The role of a filesystem line's partition. */
export function entryRole(entry: FstabEntry): PartitionRole {
  if (entry.filesystem === "swap") {
    return "swap";
  }
  const mountPoint = mountPath(entry);
  if (mountPoint === "/") {
    return "root";
  }
  // Further members of a mirror have theirs at /boot/efi2, /boot/efi3 …
  if (/^(?:\/boot\/efi\d*|\/efi)$/.test(mountPoint)) {
    return "esp";
  }
  return mountPoint === "/boot" ? "boot" : "data";
}

/** True for roles whose filesystem is of use when it is larger. */
export function grows(role: PartitionRole): boolean {
  return role === "root" || role === "data";
}

/** The filesystem line, made at install time, that stands on a partition. */
export function entryOn(
  layout: DiskLayout,
  place: { readonly disk: string; readonly number: number },
): FstabEntry | undefined {
  const device = partitionDevice(place.disk, place.number);
  return installedEntries(layout).find((entry) => entry.device === device);
}

const rolesByWeight: readonly PartitionRole[] = ["root", "data", "boot", "esp", "swap"];

/** The roles of what lies on a device, through arrays and groups; the one that profits most from room comes first. */
export function rolesOn(layout: DiskLayout, device: string): readonly PartitionRole[] {
  const devices = everythingAbove(layout, device);
  const roles = installedEntries(layout)
    .filter((entry) => devices.includes(canonicalDevice(layout, entry.device)))
    .map(entryRole);
  return rolesByWeight.filter((role) => roles.includes(role));
}

/** The role of a partition of a layout: of the most important thing on it. */
export function partitionRole(
  layout: DiskLayout,
  place: { readonly disk: LayoutDisk; readonly partition: LayoutPartition },
): PartitionRole {
  const { disk, partition } = place;
  const [role] = rolesOn(layout, partitionDevice(disk.device, partition.number));
  if (role !== undefined) {
    return role;
  }
  if (partition.flags.includes("bios_grub")) {
    return "bios-boot";
  }
  return partition.flags.includes("esp") ? "esp" : "other";
}
