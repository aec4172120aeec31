/** Repairs inside disk sections that need no knowledge of the golden client. */
import { logicalLimit, percentSum } from "./check-disks.ts";
import { parsePartitionDevice, partitionDevice } from "./device-name.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { DiskLayout, LayoutDisk, LayoutPartition, LayoutSize } from "./model.ts";
import { plain } from "./model.ts";
import type { Repaired } from "./repaired.ts";

/** Applies a change to the disk that a finding is about (by its device, the start of the subject). */
function changeDisk(
  layout: DiskLayout,
  finding: Diagnostic,
  change: (disk: LayoutDisk) => { readonly disk: LayoutDisk; readonly text: string } | undefined,
): Repaired | undefined {
  const index = layout.disks.findIndex(
    ({ device }) => finding.subject === device || finding.subject.startsWith(`${device} partition `),
  );
  const disk = layout.disks[index];
  const changed = disk === undefined ? undefined : change(disk);
  if (changed === undefined) {
    return undefined;
  }
  return { layout: { ...layout, disks: layout.disks.with(index, changed.disk) }, text: changed.text };
}

function needsGpt({ partitions }: LayoutDisk): boolean {
  return partitions.some(
    ({ flags, name, number, type }) =>
      name !== undefined ||
      flags.includes("esp") ||
      flags.includes("bios_grub") ||
      (type === "primary" && number > 4),
  );
}

/** Names the label that the partitions call for. */
export function repairLabel(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const aliases: Readonly<Record<string, string>> = {
      dos: "msdos",
      mbr: "msdos",
      pc: "msdos",
      guid: "gpt",
      efi: "gpt",
      uefi: "gpt",
      // disks-layout.xml: an msdos label that becomes GPT in place.
      convert: "gpt",
    };
    const label = disk.label === "" ? (needsGpt(disk) ? "gpt" : "msdos") : aliases[disk.label];
    if (label === undefined) {
      return undefined;
    }
    const text =
      disk.label === ""
        ? `${disk.device} had no label_type; its partitions call for ${label}`
        : `label_type of ${disk.device} is ${label}, not ${disk.label}`;
    return { disk: { ...disk, label }, text };
  });
}

/** Megabytes in one of a unit. Those without `i` are decimal, as parted counts. */
const unitMegabytes: Readonly<Record<string, number>> = {
  b: 0.000001,
  s: 512 / 1_000_000,
  kb: 0.001,
  k: 0.001,
  kib: 1024 / 1_000_000,
  m: 1,
  mib: 1024 ** 2 / 1_000_000,
  g: 1000,
  gb: 1000,
  gigabytes: 1000,
  gib: 1024 ** 3 / 1_000_000,
  t: 1_000_000,
  tb: 1_000_000,
  tib: 1024 ** 4 / 1_000_000,
};

function scale(size: LayoutSize, factor: number): LayoutSize {
  return size.kind === "amount" ? { kind: "amount", value: Number((size.value * factor).toFixed(3)) } : size;
}

/** Converts sizes of a known unit to MB; without a known unit tells MB and % apart by the numbers. */
export function repairUnit(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const factor = unitMegabytes[disk.unit.toLowerCase()];
    if (factor !== undefined) {
      const partitions = disk.partitions.map((one) => ({ ...one, size: scale(one.size, factor) }));
      const text = `Sizes on ${disk.device} were converted from ${disk.unit} to MB`;
      return { disk: { ...disk, unit: "MB", partitions }, text };
    }
    const percent = Math.abs(percentSum(disk, "outer") - 100) < 0.01;
    const unit = percent ? "%" : "MB";
    const why = percent ? "the sizes add up to 100" : "the sizes do not add up to 100 %";
    const had = disk.unit === "" ? "had no unit_of_measurement" : `had the unit '${disk.unit}'`;
    return { disk: { ...disk, unit }, text: `${disk.device} ${had}; it is ${unit}, because ${why}` };
  });
}

/** Reads sizes with a unit of their own, `10G`, `512 MiB`, `40%`, into the disk's unit. */
export function repairSize(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const index = partitionIndex(disk, finding);
    const partition = disk.partitions[index];
    const text = partition?.size.kind === "invalid" ? partition.size.text : "";
    const match = /^(\d{1,12}(?:[.,]\d{1,6})?)\s*([A-Za-z%]+)$/.exec(text.trim());
    const unit = match?.[2]?.toLowerCase() ?? "";
    const factor = unit === "%" || unit === "mb" ? 1 : unitMegabytes[unit];
    if (partition === undefined || factor === undefined || (unit === "%") !== (disk.unit === "%")) {
      return undefined;
    }
    const value = Number((Number((match?.[1] ?? "").replace(",", ".")) * factor).toFixed(3));
    const size: LayoutSize = { kind: "amount", value };
    const partitions = disk.partitions.with(index, { ...partition, size });
    return {
      disk: { ...disk, partitions },
      text: `${finding.subject}: size ${text} is ${value} ${disk.unit}`,
    };
  });
}

function partitionIndex(disk: LayoutDisk, finding: Diagnostic): number {
  const number = Number(/ partition (\d+)$/.exec(finding.subject)?.[1]);
  const byNumber = disk.partitions.findIndex((partition) => partition.number === number);
  const unnumbered = disk.partitions[number - 1]?.number === 0 ? number - 1 : -1;
  return finding.code === "part-number-invalid" && unnumbered >= 0 ? unnumbered : byNumber;
}

function lowestFree(disk: LayoutDisk, from: number): number {
  const taken = new Set(disk.partitions.map(({ number }) => number));
  let number = from;
  while (taken.has(number)) {
    number += 1;
  }
  return number;
}

/** Gives an unnumbered partition the lowest free number. */
export function repairPartitionNumber(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const index = partitionIndex(disk, finding);
    const partition = disk.partitions[index];
    if (partition === undefined || partition.number !== 0) {
      return undefined;
    }
    const number = lowestFree(disk, partition.type === "logical" ? 5 : 1);
    const partitions = disk.partitions.with(index, { ...partition, number });
    return { disk: { ...disk, partitions }, text: `A partition of ${disk.device} got the number ${number}` };
  });
}

/** Makes logical partitions primary on GPT and drops the extended one, which holds nothing by itself. */
export function repairGptPartitionType(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const partitions = disk.partitions
      .filter(({ type }) => type !== "extended")
      .map((partition): LayoutPartition => ({ ...partition, type: "primary" }));
    const text = `${disk.device} has a GPT label: its logical partitions became primary`;
    return { disk: { ...disk, partitions }, text };
  });
}

/** Adds an extended partition around the logical ones, with the first free of the numbers 1 to 4. */
export function repairExtendedMissing(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const number = lowestFree(disk, 1);
    const outerRest = disk.partitions.some(({ type, size }) => type !== "logical" && size.kind === "rest");
    if (number > 4 || outerRest) {
      return undefined;
    }
    const extended: LayoutPartition = {
      ...plain,
      number,
      size: { kind: "rest" },
      type: "extended",
      flags: [],
    };
    const first = disk.partitions.findIndex(({ type }) => type === "logical");
    const partitions = disk.partitions.toSpliced(first, 0, extended);
    const text = `${disk.device} got an extended partition (number ${number}) for its logical ones`;
    return { disk: { ...disk, partitions }, text };
  });
}

/** Scales percentages down in proportion until they fit. */
export function repairPercentSum(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  return changeDisk(layout, finding, (disk) => {
    const logical = percentSum(disk, "outer") <= 100.0005;
    const factor = logical
      ? logicalLimit(disk) / percentSum(disk, "logical")
      : 100 / percentSum(disk, "outer");
    const partitions = disk.partitions.map((partition): LayoutPartition => {
      if ((partition.type === "logical") !== logical || partition.size.kind !== "amount") {
        return partition;
      }
      const value = Math.max(0.001, Math.floor(partition.size.value * factor * 1000) / 1000);
      return { ...partition, size: { kind: "amount", value } };
    });
    const which = logical ? "Logical partitions" : "Partitions";
    return { disk: { ...disk, partitions }, text: `${which} of ${disk.device} were scaled down to fit` };
  });
}

/**
 * Numbers an msdos label's partitions as the kernel does: beside an extended partition, 5 and up are logical, without a gap. What
 * names a partition is renamed with it.
 */
export function repairMsdosNumbers(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const disk = layout.disks.find(({ device }) => finding.subject.startsWith(`${device} partition `));
  const outside = disk?.partitions.filter(({ type, number }) => type !== "logical" && number > 4) ?? [];
  const extended = disk?.partitions.find(({ type }) => type === "extended");
  if (disk === undefined || extended === undefined || outside.some(({ type }) => type === "extended")) {
    return undefined;
  }
  const typed = disk.partitions.map((one) =>
    outside.includes(one) ? { ...one, type: "logical" as const } : one,
  );
  const logical = typed.filter(({ type }) => type === "logical").sort((a, b) => a.number - b.number);
  const numbers = new Map(logical.map(({ number }, index) => [number, 5 + index]));
  if (numbers.size < logical.length) {
    return undefined;
  }
  const partitions = typed.map((one) =>
    one.type === "logical" ? { ...one, number: numbers.get(one.number) ?? one.number } : one,
  );
  const renamed = (device: string) => {
    const place = parsePartitionDevice(device);
    const number = place?.disk === disk.device ? numbers.get(place.number) : undefined;
    return number === undefined ? device : partitionDevice(disk.device, number);
  };
  const moved = [...numbers].filter(([from, to]) => from !== to).map(([from, to]) => `${from} became ${to}`);
  const changes = [...outside.map(({ number }) => `${number} is logical`), ...moved].join(", ");
  return {
    layout: {
      ...layout,
      disks: layout.disks.map((one) => (one === disk ? { ...disk, partitions } : one)),
      raids: layout.raids.map((raid) => ({ ...raid, devices: raid.devices.map(renamed) })),
      crypts: layout.crypts.map((crypt) => ({ ...crypt, device: renamed(crypt.device) })),
      lines: layout.lines.map((line) =>
        line.kind === "entry" ? { ...line, device: renamed(line.device) } : line,
      ),
    },
    text: `Partitions of ${disk.device} are numbered as the kernel does: ${changes}`,
  };
}
