/** Adapts a layout to the firmware of the machine it goes to: an ESP for UEFI, a place for GRUB's core on GPT under BIOS. */

import { err, ok, type Result } from "../../base/result.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import { partitionDevice } from "./device-name.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import {
  type DiskLayout,
  type FstabEntry,
  installedEntries,
  type LayoutDisk,
  type LayoutPartition,
  plain,
} from "./model.ts";
import { entryRole } from "./role.ts";
import { partitionsUnder } from "./stack.ts";

export interface AdaptedLayout {
  readonly layout: DiskLayout;
  readonly notes: readonly Diagnostic[];
}

/** The firmware that a layout was made for: one that makes an ESP is for UEFI. */
export function layoutFirmware(layout: DiskLayout): Firmware {
  return installedEntries(layout).some((entry) => entryRole(entry) === "esp") ? "uefi" : "bios";
}

/** The disks that the firmware may boot from: those that /boot lies on, else those of /. A mirror has several. */
export function bootDisks(layout: DiskLayout): readonly LayoutDisk[] {
  const entries = installedEntries(layout);
  const entry =
    entries.find((one) => entryRole(one) === "boot") ?? entries.find((one) => entryRole(one) === "root");
  const under = entry === undefined ? [] : partitionsUnder(layout, entry.device);
  return layout.disks.filter(({ device }) => under.some(({ disk }) => disk === device));
}

function lowestFree(disk: LayoutDisk): number {
  const taken = new Set(disk.partitions.map(({ number }) => number));
  let number = 1;
  while (taken.has(number)) {
    number += 1;
  }
  return number;
}

function asGpt(disk: LayoutDisk): LayoutDisk {
  const partitions = disk.partitions
    .filter(({ type }) => type !== "extended")
    .map((partition): LayoutPartition => {
      const { id: _mbrType, ...rest } = partition;
      return { ...rest, type: "primary", flags: partition.flags.filter((flag) => flag !== "boot") };
    });
  return { ...disk, label: "gpt", partitions };
}

function replaceDisk(layout: DiskLayout, before: LayoutDisk, after: LayoutDisk): DiskLayout {
  return { ...layout, disks: layout.disks.map((disk) => (disk === before ? after : disk)) };
}

/** `index` counts the boot disks: each gets an ESP of its own, so that any of them boots alone. */
function addEsp(layout: DiskLayout, disk: LayoutDisk, index: number): AdaptedLayout {
  const gpt = disk.label === "gpt" ? disk : asGpt(disk);
  const number = lowestFree(gpt);
  const device = partitionDevice(disk.device, number);
  const inUnit = disk.unit === "%" ? 2 : 537;
  const esp: LayoutPartition = {
    ...plain,
    number,
    size: { kind: "amount", value: inUnit },
    type: "primary",
    name: "EFI System Partition",
    flags: ["esp"],
  };
  const line: FstabEntry = {
    ...plain,
    kind: "entry",
    line: Math.max(0, ...layout.lines.map((one) => one.line)) + 10,
    device,
    mountPoint: index === 0 ? "/boot/efi" : `/boot/efi${index + 1}`,
    filesystem: "vfat",
    options: index === 0 ? "umask=0077" : "umask=0077,nofail",
    dump: 0,
    pass: 1,
    format: true,
  };
  const partitions = [...gpt.partitions, esp].sort((a, b) => a.number - b.number);
  const changed = replaceDisk(layout, disk, { ...gpt, partitions });
  const notes: Diagnostic[] = [
    diagnose("esp-added", `${device}, an EFI system partition, was added for UEFI`, { subject: device }),
  ];
  if (disk.label !== "gpt") {
    const message = `The label of ${disk.device} is gpt, not ${disk.label}: UEFI boots from GPT`;
    notes.push(diagnose("label-converted", message, { subject: disk.device }));
  }
  return { layout: { ...changed, lines: [...changed.lines, line] }, notes };
}

function addBiosBoot(layout: DiskLayout, disk: LayoutDisk): AdaptedLayout {
  const number = lowestFree(disk);
  const device = partitionDevice(disk.device, number);
  const partition: LayoutPartition = {
    ...plain,
    number,
    size: { kind: "amount", value: disk.unit === "%" ? 0.05 : 1 },
    type: "primary",
    flags: ["bios_grub"],
  };
  const partitions = [...disk.partitions, partition].sort((a, b) => a.number - b.number);
  const message = `${device}, a place for GRUB's core, was added: BIOS boots from GPT with one`;
  return {
    layout: replaceDisk(layout, disk, { ...disk, partitions }),
    notes: [diagnose("bios-boot-added", message, { subject: device })],
  };
}

/** Adds what the target's firmware needs in order to boot; a layout that has it stays as it is. */
export function adaptToFirmware(
  layout: DiskLayout,
  firmware: Firmware,
): Result<AdaptedLayout, readonly Diagnostic[]> {
  const lacksEsp = firmware === "uefi" && layoutFirmware(layout) !== "uefi";
  const lacking = bootDisks(layout).filter(
    (disk) =>
      lacksEsp ||
      (firmware === "bios" &&
        disk.label === "gpt" &&
        !disk.partitions.some(({ flags }) => flags.includes("bios_grub"))),
  );
  const full = lacking.filter((disk) => lowestFree(disk) > 128);
  if (full.length > 0) {
    return err(
      full.map((disk) => {
        const message = `${disk.device} has no partition number left for what ${firmware.toUpperCase()} needs`;
        return diagnose("no-room-in-table", message, { subject: disk.device, at: disk.at });
      }),
    );
  }
  let adapted: AdaptedLayout = { layout, notes: [] };
  for (const [index, disk] of lacking.entries()) {
    const next = lacksEsp ? addEsp(adapted.layout, disk, index) : addBiosBoot(adapted.layout, disk);
    adapted = { layout: next.layout, notes: [...adapted.notes, ...next.notes] };
  }
  return ok(adapted);
}
