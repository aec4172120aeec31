/** Rules about disk sections. */

import { deviceFamily } from "./device-name.ts";
import { type CheckCode, type Diagnostic, diagnose } from "./diagnostic.ts";
import { parseDiskMatch } from "./disk-match.ts";
import type { DiskLayout, LayoutDisk, LayoutPartition } from "./model.ts";

interface Place {
  readonly disk: LayoutDisk;
  readonly partition: LayoutPartition;
}

function eachPartition(layout: DiskLayout): readonly Place[] {
  return layout.disks.flatMap((disk) => disk.partitions.map((partition) => ({ disk, partition })));
}

/** Names a partition in messages and subjects. The index tells two with one number apart. */
function nameOf({ disk, partition }: Place): string {
  return `${disk.device} partition ${partition.number || disk.partitions.indexOf(partition) + 1}`;
}

function aboutDisk<Code extends CheckCode>(code: Code, disk: LayoutDisk, message: string): Diagnostic<Code> {
  return diagnose(code, message, { subject: disk.device, at: disk.at });
}

function aboutPartition<Code extends CheckCode>(code: Code, place: Place, message: string): Diagnostic<Code> {
  return diagnose(code, message, { subject: nameOf(place), at: place.partition.at });
}

/** True for a partition of the outer table; logical ones lie inside the extended one. */
function isOuter(partition: LayoutPartition): boolean {
  return partition.type !== "logical";
}

export function checkDiskDevice(layout: DiskLayout): readonly Diagnostic<"disk-device-unknown">[] {
  return layout.disks
    .filter(({ device }) => deviceFamily(device) === undefined)
    .map((disk) => {
      const message = `'${disk.device}' is not the name of a whole disk (such as /dev/sda, /dev/vda, /dev/nvme0n1)`;
      return aboutDisk("disk-device-unknown", disk, message);
    });
}

export function checkDiskDuplicate(layout: DiskLayout): readonly Diagnostic<"disk-duplicate">[] {
  return layout.disks
    .filter((disk, index) => layout.disks.findIndex(({ device }) => device === disk.device) < index)
    .map((disk) => aboutDisk("disk-duplicate", disk, `${disk.device} has more than one <disk> section`));
}

export function checkLabelMissing(layout: DiskLayout): readonly Diagnostic<"label-missing">[] {
  return layout.disks
    .filter(({ label }) => label === "")
    .map((disk) => aboutDisk("label-missing", disk, `${disk.device} has no label_type (msdos or gpt)`));
}

export function checkLabelUnknown(layout: DiskLayout): readonly Diagnostic<"label-unknown">[] {
  return layout.disks
    .filter(({ label }) => label !== "" && label !== "msdos" && label !== "gpt")
    .map((disk) => {
      const message = `label_type="${disk.label}" of ${disk.device} is not msdos or gpt`;
      return aboutDisk("label-unknown", disk, message);
    });
}

export function checkUnit(layout: DiskLayout): readonly Diagnostic<"unit-unknown">[] {
  return layout.disks
    .filter((disk) => disk.unit !== "MB" && disk.unit !== "%" && disk.partitions.length > 0)
    .map((disk) => {
      const message = `unit_of_measurement="${disk.unit}" of ${disk.device} is not MB or %`;
      return aboutDisk("unit-unknown", disk, message);
    });
}

export function checkSize(layout: DiskLayout): readonly Diagnostic<"size-invalid">[] {
  return eachPartition(layout).flatMap((place) => {
    const { size } = place.partition;
    if (size.kind === "rest" || (size.kind === "amount" && size.value > 0)) {
      return [];
    }
    const text = size.kind === "invalid" ? size.text : "0";
    const message = `size="${text}" of ${nameOf(place)} is not a number over 0 or *`;
    return [aboutPartition("size-invalid", place, message)];
  });
}

export function checkPartitionNumber(layout: DiskLayout): readonly Diagnostic<"part-number-invalid">[] {
  return eachPartition(layout)
    .filter(({ partition }) => partition.number < 1 || partition.number > 128)
    .map((place) => {
      const message = `A partition of ${place.disk.device} has no number from 1 to 128`;
      return aboutPartition("part-number-invalid", place, message);
    });
}

export function checkPartitionNumberDuplicate(
  layout: DiskLayout,
): readonly Diagnostic<"part-number-duplicate">[] {
  return eachPartition(layout)
    .filter(({ disk, partition }) => {
      const first = disk.partitions.find(({ number }) => number === partition.number);
      return partition.number > 0 && first !== partition;
    })
    .map((place) => {
      const message = `${nameOf(place)} is described twice`;
      return aboutPartition("part-number-duplicate", place, message);
    });
}

export function checkGptPartitionType(layout: DiskLayout): readonly Diagnostic<"gpt-part-type">[] {
  return eachPartition(layout)
    .filter(({ disk, partition }) => disk.label === "gpt" && partition.type !== "primary")
    .map((place) => {
      const message = `${nameOf(place)} is ${place.partition.type}; a GPT label has only primary partitions`;
      return aboutPartition("gpt-part-type", place, message);
    });
}

export function checkMsdosPartitionNumber(layout: DiskLayout): readonly Diagnostic<"msdos-part-number">[] {
  return eachPartition(layout).flatMap((place) => {
    const { disk, partition } = place;
    if (disk.label !== "msdos" || partition.number < 1) {
      return [];
    }
    if (isOuter(partition)) {
      const message = `${nameOf(place)} is ${partition.type}; an msdos label numbers those 1 to 4`;
      return partition.number <= 4 ? [] : [aboutPartition("msdos-part-number", place, message)];
    }
    const before = disk.partitions.filter((one) => one.type === "logical" && one.number < partition.number);
    const message = `${nameOf(place)} is logical; those are numbered 5, 6, 7 … without a gap`;
    return partition.number === 5 + before.length
      ? []
      : [aboutPartition("msdos-part-number", place, message)];
  });
}

export function checkExtendedMissing(layout: DiskLayout): readonly Diagnostic<"extended-missing">[] {
  return layout.disks
    .filter(
      ({ label, partitions }) =>
        label === "msdos" &&
        partitions.some(({ type }) => type === "logical") &&
        !partitions.some(({ type }) => type === "extended"),
    )
    .map((disk) => {
      const message = `${disk.device} has logical partitions but no extended one to hold them`;
      return aboutDisk("extended-missing", disk, message);
    });
}

export function checkExtendedDuplicate(layout: DiskLayout): readonly Diagnostic<"extended-duplicate">[] {
  return layout.disks
    .filter(({ partitions }) => partitions.filter(({ type }) => type === "extended").length > 1)
    .map((disk) => aboutDisk("extended-duplicate", disk, `${disk.device} has two extended partitions`));
}

export function checkRestDuplicate(layout: DiskLayout): readonly Diagnostic<"rest-duplicate">[] {
  return eachPartition(layout)
    .filter(({ disk, partition }) => {
      const sharing = disk.partitions.filter(
        (one) => one.size.kind === "rest" && isOuter(one) === isOuter(partition),
      );
      return sharing.indexOf(partition) > 0;
    })
    .map((place) => {
      const message = `${nameOf(place)} has size="*", and so has another one beside it; only one can take the rest`;
      return aboutPartition("rest-duplicate", place, message);
    });
}

/** The sum of percentages of the outer or the logical partitions. */
export function percentSum(disk: LayoutDisk, type: "outer" | "logical"): number {
  return disk.partitions
    .filter((partition) => isOuter(partition) === (type === "outer"))
    .reduce((sum, { size }) => sum + (size.kind === "amount" ? size.value : 0), 0);
}

/** What the logical partitions may sum up to. */
export function logicalLimit(disk: LayoutDisk): number {
  const extended = disk.partitions.find(({ type }) => type === "extended")?.size;
  return extended?.kind === "amount" ? Math.min(100, extended.value) : 100;
}

export function checkPercentSum(layout: DiskLayout): readonly Diagnostic<"percent-over-100">[] {
  return layout.disks
    .filter(({ unit }) => unit === "%")
    .flatMap((disk) => {
      const outer = percentSum(disk, "outer");
      const logical = percentSum(disk, "logical");
      if (outer > 100.0005) {
        const message = `The partitions of ${disk.device} add up to ${Number(outer.toFixed(3))} %`;
        return [aboutDisk("percent-over-100", disk, message)];
      }
      if (logical > logicalLimit(disk) + 0.0005) {
        const message = `The logical partitions of ${disk.device} add up to ${Number(logical.toFixed(3))} %, their extended one has ${logicalLimit(disk)} %`;
        return [aboutDisk("percent-over-100", disk, message)];
      }
      return [];
    });
}

export function checkDiskMatch(layout: DiskLayout): readonly Diagnostic<"disk-match-invalid">[] {
  return layout.disks.flatMap((disk) => {
    const read = disk.match === undefined ? undefined : parseDiskMatch(disk.match);
    const message = `match="${disk.match}" of ${disk.device}: ${read?.ok === false ? read.error : ""}`;
    return read?.ok === false ? [aboutDisk("disk-match-invalid", disk, message)] : [];
  });
}
