/**
 * The rules that a layout must keep, one function per code. The table is exhaustive: a new code does not compile without its
 * rule. Its order is that of repair: what a disk section gets wrong by itself comes before what lines and sections disagree on.
 */
import {
  checkDiskDevice,
  checkDiskDuplicate,
  checkDiskMatch,
  checkExtendedDuplicate,
  checkExtendedMissing,
  checkGptPartitionType,
  checkLabelMissing,
  checkLabelUnknown,
  checkMsdosPartitionNumber,
  checkPartitionNumber,
  checkPartitionNumberDuplicate,
  checkPercentSum,
  checkRestDuplicate,
  checkSize,
  checkUnit,
} from "./check-disks.ts";
import {
  checkDeviceFamily,
  checkDeviceLink,
  checkDiskSection,
  checkFilesystemMissing,
  checkFilesystemUnsupported,
  checkLabelLength,
  checkLineDuplicate,
  checkLineNumber,
  checkLostP,
  checkMountPoint,
  checkMountPointDuplicate,
  checkPartitionMissing,
  checkPartitionUsedTwice,
  checkRoot,
  checkSubvolumeNumber,
  checkSwapFile,
} from "./check-lines.ts";
import {
  checkBootEncrypted,
  checkBootloader,
  checkGroupEmpty,
  checkGroupMissing,
  checkLvmFlag,
  checkRaidLevel,
  checkRaidMembers,
  checkRaidMissing,
  checkStackCircle,
  checkStackMember,
  checkStackName,
  checkStackUse,
  checkVolumeMissing,
  checkVolumeRest,
  checkVolumeSize,
} from "./check-stack.ts";
import type { CheckCode, Diagnostic } from "./diagnostic.ts";
import type { DiskLayout } from "./model.ts";

export const layoutRules: {
  readonly [Code in CheckCode]: (layout: DiskLayout) => readonly Diagnostic<Code>[];
} = {
  "disk-device-unknown": checkDiskDevice,
  "disk-duplicate": checkDiskDuplicate,
  "disk-match-invalid": checkDiskMatch,
  "label-missing": checkLabelMissing,
  "label-unknown": checkLabelUnknown,
  "unit-unknown": checkUnit,
  "size-invalid": checkSize,
  "part-number-invalid": checkPartitionNumber,
  "part-number-duplicate": checkPartitionNumberDuplicate,
  "gpt-part-type": checkGptPartitionType,
  "msdos-part-number": checkMsdosPartitionNumber,
  "extended-missing": checkExtendedMissing,
  "extended-duplicate": checkExtendedDuplicate,
  "rest-duplicate": checkRestDuplicate,
  "percent-over-100": checkPercentSum,
  "line-number-invalid": checkLineNumber,
  "line-number-duplicate": checkLineDuplicate,
  "filesystem-missing": checkFilesystemMissing,
  "filesystem-unsupported": checkFilesystemUnsupported,
  "mount-point-invalid": checkMountPoint,
  "mount-point-duplicate": checkMountPointDuplicate,
  "root-missing": checkRoot,
  "device-by-link": checkDeviceLink,
  "device-lost-p": checkLostP,
  "device-family-changed": checkDeviceFamily,
  "disk-section-missing": checkDiskSection,
  "partition-missing": checkPartitionMissing,
  "partition-used-twice": checkPartitionUsedTwice,
  "label-too-long": checkLabelLength,
  "swap-file-size-missing": checkSwapFile,
  "subvolume-number": checkSubvolumeNumber,
  "boot-encrypted": checkBootEncrypted,
  "bootloader-unsupported": checkBootloader,
  "stack-name-invalid": checkStackName,
  "raid-missing": checkRaidMissing,
  "raid-level-unknown": checkRaidLevel,
  "stack-member-missing": checkStackMember,
  "raid-members": checkRaidMembers,
  "stack-member-used-twice": checkStackUse,
  "stack-circular": checkStackCircle,
  "lvm-flag-missing": checkLvmFlag,
  "lvm-group-missing": checkGroupMissing,
  "lvm-group-empty": checkGroupEmpty,
  "volume-missing": checkVolumeMissing,
  "volume-size-invalid": checkVolumeSize,
  "volume-rest-duplicate": checkVolumeRest,
};

/** Checks a layout by every rule, in the order of the table. */
export function checkLayout(layout: DiskLayout): readonly Diagnostic<CheckCode>[] {
  return Object.values(layoutRules).flatMap((rule): readonly Diagnostic<CheckCode>[] => rule(layout));
}
