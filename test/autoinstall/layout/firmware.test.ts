import { describe, expect, test } from "vitest";
import { adaptToFirmware, bootDisks, layoutFirmware } from "../../../autoinstall/layout/firmware.ts";
import type { DiskLayout } from "../../../autoinstall/layout/model.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { fixtureLayout } from "../layout-fixture.ts";

function adapted(layout: DiskLayout, firmware: "bios" | "uefi") {
  const result = adaptToFirmware(layout, firmware);
  if (!result.ok) {
    throw new Error(result.error.map(({ message }) => message).join("; "));
  }
  return result.value;
}

const bios = repairLayout(fixtureLayout("vda")).layout;
const uefi = repairLayout(fixtureLayout("debian12-gpt-uefi")).layout;
const logical = repairLayout(fixtureLayout("logical-fixed")).layout;

describe("for UEFI", () => {
  test("an msdos disk becomes GPT and gets an ESP with a line", () => {
    const { layout, notes } = adapted(bios, "uefi");

    expect(layout.disks[0]).toMatchObject({ label: "gpt" });
    expect(layout.disks[0]!.partitions.at(-1)).toMatchObject({ number: 4, flags: ["esp"] });
    expect(layout.lines.at(-1)).toMatchObject({
      device: "/dev/vda4",
      mountPoint: "/boot/efi",
      filesystem: "vfat",
    });
    expect(notes.map(({ code }) => code)).toEqual(["esp-added", "label-converted"]);
    expect(layoutFirmware(layout)).toBe("uefi");
  });

  test("logical partitions become primary under their own numbers", () => {
    const { layout } = adapted(logical, "uefi");

    expect(layout.disks[0]!.partitions.map(({ number, type }) => `${number} ${type}`)).toEqual([
      "1 primary",
      "2 primary",
      "5 primary",
      "6 primary",
    ]);
  });

  test("a layout with an ESP stays as it is", () => {
    expect(adapted(uefi, "uefi")).toEqual({ layout: uefi, notes: [] });
  });
});

describe("for BIOS", () => {
  test("GPT gets a place for GRUB's core, once", () => {
    const first = adapted(uefi, "bios");

    expect(first.notes.map(({ code }) => code)).toEqual(["bios-boot-added"]);
    expect(first.layout.disks[0]!.partitions.at(-1)).toMatchObject({ number: 4, flags: ["bios_grub"] });
    expect(adapted(first.layout, "bios").layout).toBe(first.layout);
  });

  test("an msdos label needs nothing", () => {
    expect(adapted(bios, "bios")).toEqual({ layout: bios, notes: [] });
  });
});

describe("a mirror", () => {
  const mirror = repairLayout(fixtureLayout("raid1-root")).layout;

  test("boots from each of its disks", () => {
    expect(bootDisks(mirror).map(({ device }) => device)).toEqual(["/dev/sda", "/dev/sdb"]);
  });

  test("gets an ESP on each disk for UEFI; a boot without the second one does not wait for it", () => {
    const { layout } = adapted(mirror, "uefi");
    const esps = layout.lines.filter((line) => line.kind === "entry" && line.filesystem === "vfat");

    expect(esps).toMatchObject([
      { device: "/dev/sda4", mountPoint: "/boot/efi", options: "umask=0077" },
      { device: "/dev/sdb4", mountPoint: "/boot/efi2", options: "umask=0077,nofail" },
    ]);
  });

  test("under LVM is found through the group", () => {
    expect(bootDisks(repairLayout(fixtureLayout("lvm-on-raid-uefi")).layout)).toHaveLength(2);
  });
});
