import { describe, expect, test } from "vitest";
import {
  bootCodeName,
  hasBootCode,
  type KernelDisk,
  parseBlkid,
  parseKernelDisks,
  parseSfdiskDump,
} from "../../../images/capture/disk-tables.ts";

function disk(device: string): KernelDisk {
  return {
    device,
    size: 1e9,
    logicalSector: 512,
    physicalSector: 512,
    readOnly: false,
    removable: false,
    rotational: false,
    partitions: [],
  };
}

describe("parseSfdiskDump()", () => {
  test("reads an MBR table of util-linux 2.38", () => {
    const table = parseSfdiskDump(
      `label: dos
label-id: 0x5AFE0001
device: /dev/vda
unit: sectors
sector-size: 512

/dev/vda1 : start=        2048, size=      204800, type=83, bootable
/dev/vda2 : start=      206848, size=     1000000, type=82
`,
      disk("/dev/vda"),
    );

    expect(table).toEqual({
      label: "msdos",
      labelId: "5afe0001",
      partitions: [
        { number: 1, device: "/dev/vda1", start: 1048576, size: 104857600, type: "83", bootable: true },
        { number: 2, device: "/dev/vda2", start: 105906176, size: 512000000, type: "82", bootable: false },
      ],
    });
  });

  test("reads a GPT table on 4096-byte sectors with names that hold commas", () => {
    const table = parseSfdiskDump(
      `label: gpt
label-id: AAAA-BB
sector-size: 4096
/dev/nvme0n1p1 : start= 256, size= 1024, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=11-22, name="EFI, \\"System\\" Partition", attrs="LegacyBIOSBootable"
`,
      disk("/dev/nvme0n1"),
    );

    expect(table.label).toBe("gpt");
    expect(table.partitions).toEqual([
      {
        number: 1,
        device: "/dev/nvme0n1p1",
        start: 1048576,
        size: 4194304,
        type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        bootable: true,
        name: 'EFI, \\"System\\" Partition',
        uuid: "11-22",
      },
    ]);
  });

  test("reads the form of util-linux 2.17 and leaves out empty slots", () => {
    const table = parseSfdiskDump(
      `# partition table of /dev/cciss/c0d0
unit: sectors

/dev/cciss/c0d0p1 : start=       63, size=   208782, Id=83, bootable
/dev/cciss/c0d0p2 : start=        0, size=        0, Id= 0
`,
      disk("/dev/cciss/c0d0"),
    );

    expect(table.label).toBe("msdos");
    expect(table.partitions).toMatchObject([{ number: 1, type: "83", start: 32256, bootable: true }]);
  });

  test.each([
    "",
    "sfdisk: /dev/vda: does not contain a recognized partition table",
    "/dev/vda1 : start=x, size=y",
  ])("finds nothing in %j", (text) => {
    expect(parseSfdiskDump(text, disk("/dev/vda")).partitions).toEqual([]);
  });
});

describe("parseKernelDisks()", () => {
  test.each([
    ["vda", "/dev/vda"],
    ["nvme0n1", "/dev/nvme0n1"],
    ["mmcblk0", "/dev/mmcblk0"],
    ["xvda", "/dev/xvda"],
    ["sda", "/dev/sda"],
    ["cciss!c0d0", "/dev/cciss/c0d0"],
  ])("sees %s", (name, device) => {
    const [found] = parseKernelDisks(
      `disk=${name}\nsize=2048\nremovable=0\nrotational=1\nlogical=512\nphysical=4096\n`,
    );

    expect(found).toMatchObject({ device, size: 1048576, physicalSector: 4096, rotational: true });
  });

  test("leaves out drives without a medium", () => {
    expect(parseKernelDisks("disk=sdb\nsize=0\nremovable=1\n")).toEqual([]);
  });

  test("reads partitions", () => {
    const [found] = parseKernelDisks(
      "disk=sda\nsize=4096\npartition=sda1\nnumber=1\nstart=2048\nsize=1024\n",
    );

    expect(found?.partitions).toEqual([{ device: "/dev/sda1", number: 1, start: 1048576, size: 524288 }]);
  });
});

describe("parseBlkid()", () => {
  test("reads blocks and leaves out those without a type", () => {
    expect(
      parseBlkid("DEVNAME=/dev/vda1\nLABEL=a\\ b\nUUID=1-2\nTYPE=ext4\n\nDEVNAME=/dev/vda2\nPARTUUID=x\n"),
    ).toEqual([{ device: "/dev/vda1", type: "ext4", uuid: "1-2", label: "a b" }]);
  });
});

describe("boot code", () => {
  test("is told from zeros and named", () => {
    const grub = " eb 63 90 47 52 55 42 20 00";

    expect([hasBootCode(" 00 00 00\n"), hasBootCode(grub), bootCodeName(grub)]).toEqual([
      false,
      true,
      "GRUB",
    ]);
  });
});
