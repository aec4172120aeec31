import { partitionDevice } from "../../../autoinstall/layout/device-name.ts";
import { byteSize } from "../../../base/quantity.ts";
import type { GoldenFacts, PartitionFacts } from "../../../images/capture/facts.ts";

const mib = 1024 ** 2;

/** A Debian 12 with an msdos label: /boot, / and swap on one disk, mounted by UUID and LABEL. */
export function debianFacts(disk: string): GoldenFacts {
  const partition = (number: number, startMib: number, sizeMib: number, type: string): PartitionFacts => ({
    number,
    device: partitionDevice(disk, number),
    start: byteSize(startMib * mib),
    size: byteSize(sizeMib * mib),
    type,
    bootable: number === 1,
    uuid: `1a2b3c4d-0${number}`,
  });
  return {
    hostname: "golden",
    os: { id: "debian", versionId: "12", prettyName: "Debian GNU/Linux 12 (bookworm)" },
    kernel: "6.1.0-18-amd64",
    machine: "x86_64",
    firmware: "bios",
    disks: [
      {
        device: disk,
        size: byteSize(8192 * mib),
        logicalSector: 512,
        physicalSector: 512,
        label: "msdos",
        rotational: false,
        removable: false,
        readOnly: false,
        serial: "QM0001",
        partitions: [
          partition(1, 1, 487, "83"),
          partition(2, 488, 6680, "83"),
          partition(3, 7168, 1023, "82"),
        ],
      },
      {
        device: "/dev/sdz",
        size: byteSize(500_000 * mib),
        logicalSector: 512,
        physicalSector: 512,
        label: "gpt",
        rotational: true,
        removable: false,
        readOnly: false,
        partitions: [],
      },
    ],
    filesystems: [
      {
        device: partitionDevice(disk, 1),
        type: "ext4",
        uuid: "11111111-aaaa-4bbb-8ccc-000000000001",
        label: "boot",
        used: byteSize(90 * mib),
        mountPoint: "/boot",
      },
      {
        device: partitionDevice(disk, 2),
        type: "ext4",
        uuid: "11111111-aaaa-4bbb-8ccc-000000000002",
        used: byteSize(1500 * mib),
        mountPoint: "/",
      },
      { device: partitionDevice(disk, 3), type: "swap", uuid: "11111111-aaaa-4bbb-8ccc-000000000003" },
    ],
    mounts: [
      { source: partitionDevice(disk, 2), mountPoint: "/", type: "ext4", options: "rw", kind: "local" },
      { source: partitionDevice(disk, 1), mountPoint: "/boot", type: "ext4", options: "rw", kind: "local" },
    ],
    fstab: [
      "# /etc/fstab: static file system information.",
      "",
      "UUID=11111111-aaaa-4bbb-8ccc-000000000002 /    ext4  errors=remount-ro 0 1",
      "LABEL=boot\t/boot\text4\tdefaults\t0\t2",
      "/dev/disk/by-uuid/11111111-aaaa-4bbb-8ccc-000000000003 none swap sw 0 0",
      "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0",
      "UUID=deadbeef-0000-4000-8000-000000000000 /backup ext4 defaults 0 2",
      "tmpfs /tmp tmpfs size=50% 0 0",
      "filer:/home /home nfs rw 0 0",
      "",
    ].join("\n"),
    bootLoader: { kind: "grub2", disks: [disk] },
    tools: {
      gnuFind: "4.9.0",
      gnuTar: "1.34",
      tarXattrs: true,
      tarAcls: true,
      tarSelinux: true,
      sha256sum: true,
      zstd: true,
      getfattr: true,
    } as GoldenFacts["tools"],
    root: true,
  };
}
