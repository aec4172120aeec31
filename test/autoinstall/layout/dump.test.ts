import { describe, expect, test } from "vitest";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { factsFromDump } from "../../../autoinstall/layout/dump.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";

/** One disk, as each tool prints it: an ESP, /, swap. */
const dumps = {
  "sfdisk -d": `label: gpt
label-id: 9B2F7A10-0000-4000-8000-000000000000
device: /dev/vda
unit: sectors
first-lba: 2048
last-lba: 41943006
sector-size: 512

/dev/vda1 : start=        2048, size=     1048576, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=9B2F7A10-0000-4000-8000-000000000001, name="EFI System"
/dev/vda2 : start=     1050624, size=    38797312, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="root, \\"main\\""
/dev/vda3 : start=    39847936, size=     2093056, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
`,
  "sgdisk -p": `Disk /dev/vda: 41943040 sectors, 20.0 GiB
Sector size (logical/physical): 512/512 bytes
Disk identifier (GUID): 9B2F7A10-0000-4000-8000-000000000000
Partition table holds up to 128 entries
Total free space is 4029 sectors (2.0 MiB)

Number  Start (sector)    End (sector)  Size       Code  Name
   1            2048         1050623   512.0 MiB   EF00  EFI System
   2         1050624        39847935   18.5 GiB    8300  
   3        39847936        41940991   1022.0 MiB  8200  
`,
  "parted -m, in sectors": `BYT;
/dev/vda:41943040s:virtblk:512:512:gpt:Virtio Block Device:;
1:2048s:1050623s:1048576s:fat32:EFI System:boot, esp;
2:1050624s:39847935s:38797312s:ext4::;
3:39847936s:41940991s:2093056s:linux-swap(v1)::swap;
`,
  "lsblk --json": JSON.stringify({
    blockdevices: [
      {
        name: "vda",
        size: "20G",
        type: "disk",
        pttype: "gpt",
        children: [
          {
            name: "vda1",
            size: "512M",
            type: "part",
            parttype: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            partlabel: "EFI System",
            fstype: "vfat",
          },
          { name: "vda2", size: 19864223744, type: "part", fstype: "ext4", mountpoint: "/" },
          { name: "vda3", size: "1022M", type: "part", fstype: "swap" },
        ],
      },
    ],
  }),
};

const lines = `<config>
  <fsinfo line="10" real_dev="/dev/vda2" mp="/" fs="ext4"/>
  <fsinfo line="20" real_dev="/dev/vda1" mp="/boot/efi" fs="vfat"/>
  <fsinfo line="30" real_dev="/dev/vda3" mp="none" fs="swap"/>
</config>`;

describe.each(Object.entries(dumps))("a dump by %s", (_, text) => {
  test("is read as the disk's table", () => {
    const facts = factsFromDump(text, "dump");
    const partitions = facts.ok ? facts.value.disks[0]?.partitions : undefined;

    expect(partitions?.map(({ device, size }) => [device, size / 1024 ** 2])).toEqual([
      ["/dev/vda1", 512],
      ["/dev/vda2", 18944],
      ["/dev/vda3", 1022],
    ]);
    expect(partitions?.[0]).toMatchObject({
      type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
      name: "EFI System",
    });
    expect(facts.ok && facts.value.disks[0]?.label).toBe("gpt");
  });

  test("gives a layout its missing disk section", () => {
    const facts = factsFromDump(text, "dump");
    const { layout, remaining } = repairLayout(
      decodeLayout(lines).layout!,
      facts.ok ? { facts: facts.value } : {},
    );

    expect(remaining).toEqual([]);
    expect(layout.disks[0]).toMatchObject({ device: "/dev/vda", label: "gpt", unit: "MB" });
    expect(layout.disks[0]!.comments[0]).toContain("Source: the partition table of dump");
    expect(layout.disks[0]!.partitions.map(({ number, size, flags }) => ({ number, size, flags }))).toEqual([
      { number: 1, size: { kind: "amount", value: 537 }, flags: ["esp"] },
      { number: 2, size: { kind: "rest" }, flags: [] },
      { number: 3, size: { kind: "amount", value: 1072 }, flags: ["swap"] },
    ]);
  });
});

test("a dump of an old sfdisk has Id= and tells its disk by its partitions", () => {
  const facts = factsFromDump(
    `# partition table of /dev/cciss/c0d0
unit: sectors

/dev/cciss/c0d0p1 : start=     2048, size=   204800, Id=83, bootable
/dev/cciss/c0d0p2 : start=   206848, size= 20000000, Id= 5
/dev/cciss/c0d0p3 : start=        0, size=        0, Id= 0
/dev/cciss/c0d0p5 : start=   208896, size= 19990000, Id=8e
`,
    "dump",
  );

  expect(facts.ok && facts.value.disks).toMatchObject([
    {
      device: "/dev/cciss/c0d0",
      label: "msdos",
      partitions: [
        { number: 1, bootable: true, type: "83" },
        { number: 2, type: "5" },
        { number: 5, type: "8e" },
      ],
    },
  ]);
});

test("parted's machine form shows the extended partition by what lies in it", () => {
  const facts = factsFromDump(
    `BYT;
/dev/sda:10737MB:scsi:512:512:msdos:QEMU HARDDISK:;
1:1.05MB:513MB:512MB:ext4::boot;
2:514MB:10736MB:10222MB:::;
5:514MB:10736MB:10222MB:::lvm;
`,
    "dump",
  );

  expect(facts.ok && facts.value.disks[0]?.partitions.map(({ type }) => type)).toEqual(["83", "5", "8e"]);
});

test.each(["", "{", "[]", '{"blockdevices": 7}', "hello\n", "BYT;\n", "label: gpt\n"])(
  "what is no dump is said to be none: %j",
  (text) => {
    expect(factsFromDump(text, "dump")).toMatchObject({ ok: false });
  },
);
