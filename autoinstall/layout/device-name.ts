/** How Linux names disks and their partitions, by family of controller. */

export interface PartitionName {
  readonly disk: string;
  readonly number: number;
}

/** One pattern per family: the disk's name after `/dev/`. */
const families = {
  scsi: /^sd[a-z]{1,3}$/,
  ide: /^hd[a-z]{1,2}$/,
  virtio: /^vd[a-z]{1,3}$/,
  xen: /^xvd[a-z]{1,3}$/,
  nvme: /^nvme\d+n\d+$/,
  mmc: /^mmcblk\d+$/,
  "smart-array": /^(?:cciss|ida|rd)\/c\d+d\d+$/,
  md: /^md(?:\d+|_d\d+)$/,
  loop: /^loop\d+$/,
  multipath: /^mapper\/(?:mpath[a-z]{1,3}|[0-9a-f]{17,33})$/,
} as const;

export type DeviceFamily = keyof typeof families;

/** Drives whose medium comes and goes, by the names that distributions gave them over the years. */
const removable =
  /^\/dev\/(?:fd\d+|floppy\d*|s(?:r|cd)\d+|cd(?:rom|rw|recorder|writer)\d*|dvd(?:ram|rw|recorder|writer)?\d*)$/;

/** Whether a device node is that of a floppy, CD or DVD drive, which no installation may format. */
export function isRemovableMedium(device: string): boolean {
  return removable.test(device);
}

/** The family of a whole disk's device node, or undefined where it is not one. */
export function deviceFamily(device: string): DeviceFamily | undefined {
  if (!device.startsWith("/dev/")) {
    return undefined;
  }
  const name = device.slice("/dev/".length);
  const found = Object.entries(families).find(([, pattern]) => pattern.test(name));
  return found?.[0] as DeviceFamily | undefined;
}

/** The device node of a partition: a `p` stands between where the disk's name ends in a digit. */
export function partitionDevice(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/** Splits `/dev/vda2`, `/dev/nvme0n1p2`, `/dev/cciss/c0d0p2` into disk and number. */
export function parsePartitionDevice(device: string): PartitionName | undefined {
  // kpartx writes `-part2` on Debian and SUSE, and the bare number or `p2` elsewhere.
  for (const pattern of [/^(.*)-part([1-9]\d{0,3})$/, /^(.*\d)p([1-9]\d{0,3})$/, /^(.*\D)([1-9]\d{0,3})$/]) {
    const split = pattern.exec(device);
    if (split?.[1] !== undefined && deviceFamily(split[1]) !== undefined) {
      return { disk: split[1], number: Number(split[2]) };
    }
  }
  return undefined;
}

/**
 * Finds the partition that a name without its `p` was meant to be: `/dev/nvme0n12` is partition 2 of `/dev/nvme0n1`
 * where that is one of `disks`.
 */
export function partitionWithLostP(device: string, disks: readonly string[]): PartitionName | undefined {
  for (const disk of disks) {
    const number = device.startsWith(disk) ? device.slice(disk.length) : "";
    if (/\d$/.test(disk) && /^[1-9]\d{0,3}$/.test(number)) {
      return { disk, number: Number(number) };
    }
  }
  return undefined;
}
