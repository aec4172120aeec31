/**
 * Repairs a layout: one function per diagnostic code, or the reason why there is none. Repairing goes on until no rule
 * complains that a repair can silence, so a repaired layout is left as it is by the next repair.
 */
import { checkLayout } from "./check.ts";
import type { CheckCode, Diagnostic } from "./diagnostic.ts";
import type { DiskLayout } from "./model.ts";
import { repairDiskDuplicate, repairDiskSection } from "./repair-disk-section.ts";
import {
  repairExtendedMissing,
  repairGptPartitionType,
  repairLabel,
  repairMsdosNumbers,
  repairPartitionNumber,
  repairPercentSum,
  repairSize,
  repairUnit,
} from "./repair-disks.ts";
import {
  repairDeviceFamily,
  repairDeviceLink,
  repairFilesystem,
  repairLineNumbers,
  repairLostP,
  repairRemovableMedium,
  repairSubvolumeNumber,
  repairSwapFile,
} from "./repair-lines.ts";
import {
  repairGroupEmpty,
  repairGroupMissing,
  repairLvmFlag,
  repairMemberDisk,
  repairRaidMembers,
  repairRaidMissing,
} from "./repair-stack.ts";
import type { RepairContext, RepairFunction } from "./repaired.ts";

/** What a person must decide, because no repair could know it. */
export interface Unrepairable {
  readonly why: string;
}

export interface Repair {
  readonly code: CheckCode;
  readonly text: string;
}

export interface RepairOutcome {
  readonly layout: DiskLayout;
  readonly repairs: readonly Repair[];
  /** What is still wrong, with what a person must decide. */
  readonly remaining: readonly (Diagnostic<CheckCode> & { readonly advice: string })[];
}

export const layoutRepairs: { readonly [Code in CheckCode]: RepairFunction | Unrepairable } = {
  "disk-section-missing": repairDiskSection,
  "disk-device-unknown": { why: "name the disk as the golden client's kernel does" },
  "disk-duplicate": repairDiskDuplicate,
  "disk-match-invalid": { why: "say serial=, wwn=, path=, id=, transport=, rotational= or size=" },
  "label-missing": repairLabel,
  "label-unknown": repairLabel,
  "unit-unknown": repairUnit,
  "size-invalid": repairSize,
  "part-number-invalid": repairPartitionNumber,
  "part-number-duplicate": { why: "say which of the two partitions is meant" },
  "gpt-part-type": repairGptPartitionType,
  "msdos-part-number": repairMsdosNumbers,
  "extended-missing": repairExtendedMissing,
  "extended-duplicate": { why: "keep one extended partition; a disk can have only one" },
  "rest-duplicate": { why: "give all but one of them a size" },
  "percent-over-100": repairPercentSum,
  "line-number-invalid": repairLineNumbers,
  "line-number-duplicate": repairLineNumbers,
  "removable-medium": repairRemovableMedium,
  "filesystem-missing": repairFilesystem,
  "filesystem-unsupported": { why: "choose a filesystem that can be made, or set format to no" },
  "mount-point-invalid": { why: "say where it is to be mounted" },
  "mount-point-duplicate": { why: "say which of the two belongs there" },
  "root-missing": { why: "say which partition holds /" },
  "device-by-link": repairDeviceLink,
  "device-lost-p": repairLostP,
  "device-family-changed": repairDeviceFamily,
  "partition-missing": { why: "describe the partition with its size, or drop the line" },
  "partition-used-twice": { why: "say which of the two lines is meant" },
  "label-too-long": { why: "choose a shorter label, in the file and wherever the image names it" },
  "swap-file-size-missing": repairSwapFile,
  "subvolume-number": repairSubvolumeNumber,
  "boot-encrypted": { why: "give /boot a partition outside the encrypted volume; the ESP too" },
  "bootloader-unsupported": { why: "say flavor grub2, and see that the image has it" },
  "stack-name-invalid": { why: "choose a name of letters, digits, dots, dashes and underscores" },
  "raid-missing": repairRaidMissing,
  "raid-level-unknown": { why: "say which level it is to have" },
  "stack-member-missing": repairMemberDisk,
  "raid-members": repairRaidMembers,
  "stack-member-used-twice": { why: "say which of the two uses is meant" },
  "stack-circular": { why: "say which partitions it is to lie on" },
  "lvm-flag-missing": repairLvmFlag,
  "lvm-group-missing": repairGroupMissing,
  "lvm-group-empty": repairGroupEmpty,
  "volume-missing": repairGroupMissing,
  "volume-size-invalid": { why: "give the volume a size" },
  "volume-rest-duplicate": { why: "give all but one of them a size" },
};

/** More rounds than any file within the size limit needs; ends a ping-pong of two repairs. */
const roundLimit = 10_000;

function nameOf(finding: Diagnostic): string {
  return `${finding.code} ${finding.subject}`;
}

/** The first finding that a repair silences, repaired. */
function repairOne(
  layout: DiskLayout,
  context: RepairContext,
): { readonly layout: DiskLayout; readonly repair: Repair } | undefined {
  for (const finding of checkLayout(layout)) {
    const repair = layoutRepairs[finding.code];
    const repaired = typeof repair === "function" ? repair(layout, finding, context) : undefined;
    const silenced =
      repaired !== undefined &&
      !checkLayout(repaired.layout).some((still) => nameOf(still) === nameOf(finding));
    if (silenced) {
      return { layout: repaired.layout, repair: { code: finding.code, text: repaired.text } };
    }
  }
  return undefined;
}

function adviceFor(code: CheckCode): string {
  const repair = layoutRepairs[code];
  return typeof repair === "function"
    ? "there is too little to repair it from; correct it by hand"
    : repair.why;
}

/** Repairs what can be repaired, and says what was done and what is left. */
export function repairLayout(layout: DiskLayout, context: RepairContext = {}): RepairOutcome {
  const repairs: Repair[] = [];
  let current = layout;
  for (let round = 0; round < roundLimit; round++) {
    const step = repairOne(current, context);
    if (step === undefined) {
      break;
    }
    current = step.layout;
    repairs.push(step.repair);
  }
  const remaining = checkLayout(current).map((finding) => ({ ...finding, advice: adviceFor(finding.code) }));
  return { layout: current, repairs, remaining };
}
