import { byteSize } from "../../../base/quantity.ts";
import type { DiskFacts, GoldenFacts } from "../../../images/capture/facts.ts";
import { debianFacts } from "./facts-fixture.ts";

const mib = 1024 ** 2;

function disk(device: string): DiskFacts {
  const base = debianFacts(device).disks[0]!;
  const partition = (number: number, startMib: number, sizeMib: number) => ({
    number,
    device: `${device}${number}`,
    start: byteSize(startMib * mib),
    size: byteSize(sizeMib * mib),
    type: "fd",
    bootable: number === 1,
  });
  return { ...base, partitions: [partition(1, 1, 512), partition(2, 513, 7679)] };
}

/** A Debian 12 on two disks: /boot on a mirror, and a volume group with / and swap on another. */
export function stackedFacts(): GoldenFacts {
  const base = debianFacts("/dev/sda");
  const members = (number: number) => [`/dev/sda${number}`, `/dev/sdb${number}`];
  const mount = (source: string, mountPoint: string) => ({
    source,
    mountPoint,
    type: "ext4",
    options: "rw",
    kind: "local" as const,
  });
  return {
    ...base,
    disks: [disk("/dev/sda"), disk("/dev/sdb")],
    filesystems: [
      ...[...members(1), ...members(2)].map((device) => ({ device, type: "linux_raid_member" })),
      { device: "/dev/md0", type: "ext4", uuid: "11111111-0000-4000-8000-000000000001", mountPoint: "/boot" },
      { device: "/dev/md1", type: "LVM2_member" },
      { device: "/dev/mapper/vg0-root", type: "ext4", label: "root", mountPoint: "/" },
      { device: "/dev/mapper/vg0-swap_1", type: "swap", uuid: "11111111-0000-4000-8000-000000000003" },
    ],
    arrays: [
      { device: "/dev/md0", level: "raid1", active: 2, members: members(1), metadata: "1.2" },
      { device: "/dev/md1", level: "raid1", active: 2, members: members(2), metadata: "1.2" },
    ],
    volumeGroups: [
      {
        name: "vg0",
        extentBytes: 4 * mib,
        size: 7672 * mib,
        free: 4 * mib,
        members: ["/dev/md1"],
        volumes: [
          { name: "root", size: 6692 * mib, segments: "linear" },
          { name: "swap_1", size: 976 * mib, segments: "linear" },
        ],
      },
    ],
    mounts: [mount("/dev/mapper/vg0-root", "/"), mount("/dev/md0", "/boot")],
    fstab: [
      "/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1",
      "UUID=11111111-0000-4000-8000-000000000001 /boot ext4 defaults 0 2",
      "/dev/mapper/vg0-swap_1 none swap sw 0 0",
    ].join("\n"),
    bootLoader: { kind: "grub2", disks: ["/dev/sda", "/dev/sdb"] },
  };
}
