/** Renders the steps of an install as the master script: one POSIX shell program that a person can read, and a node runs. */

import { unreachable } from "../../base/errors.ts";
import { type ShellText, trustedShell } from "../../base/posix-quote.ts";
import type { InstallPhase } from "./protocol.ts";
import { baseFunctions } from "./script-base.ts";
import { comment } from "./script-block.ts";
import {
  bootFunctions,
  renderBuildInitramfs,
  renderCheckBoot,
  renderFinish,
  renderInstallBootloader,
} from "./script-boot.ts";
import { renderChooseDisks } from "./script-choose.ts";
import {
  configureFunctions,
  renderMakeSwapFile,
  renderRenameDevices,
  renderSetIdentity,
  renderWriteFstab,
  swapFileFunctions,
} from "./script-configure.ts";
import { cryptFunctions, recordCryptFunctions, renderMakeCrypt } from "./script-crypt.ts";
import {
  diskFunctions,
  renderMakeFilesystem,
  renderMountFilesystem,
  renderPartitionDisk,
  subvolumeFunctions,
} from "./script-disks.ts";
import { chooseFunctions } from "./script-find-disk.ts";
import { networkFunctions, renderAdaptNetwork } from "./script-network.ts";
import { overrideFunctions, renderLayOverrides } from "./script-overrides.ts";
import {
  renderMakeArray,
  renderMakeGroup,
  renderMakeVolume,
  renderRecordStack,
  stackFunctions,
} from "./script-stack.ts";
import { stageFunctions } from "./script-stages.ts";
import { renderVerifyTree, renderWriteTree, treeFunctions } from "./script-tree.ts";
import { renderRefuseUnsigned, uefiFunctions } from "./script-uefi.ts";
import { type InstallStep, phasePercents, stepPhases } from "./steps.ts";

export interface ScriptTitle {
  readonly node: string;
  /** `web@3`. */
  readonly image: string;
}

const phaseTexts: Readonly<Record<InstallPhase, string>> = {
  boot: "Starting",
  script: "Fetching the script",
  partition: "Finding and partitioning the disks",
  format: "Making filesystems",
  mount: "Mounting them",
  write: "Writing the tree",
  verify: "Comparing what was written with the version",
  configure: "Making the copy a machine of its own",
  initramfs: "Building the initramfs",
  bootloader: "Installing the boot loader",
  finish: "Unmounting",
  done: "Done",
};

function renderStep(step: InstallStep): string {
  switch (step.kind) {
    case "pre-install":
      return "# Scripts of this site, where the server has some for this machine.\nrun_pre_install\n";
    case "post-install":
      return "run_post_install\n";
    case "refuse-unsigned":
      return renderRefuseUnsigned();
    case "choose-disks":
      return renderChooseDisks(step);
    case "partition-disk":
      return renderPartitionDisk(step);
    case "make-array":
      return renderMakeArray(step);
    case "fetch-key":
      return "fetch_key\n";
    case "make-crypt":
      return renderMakeCrypt(step);
    case "make-group":
      return renderMakeGroup(step);
    case "make-volume":
      return renderMakeVolume(step);
    case "record-stack":
      return renderRecordStack(step);
    case "make-filesystem":
      return renderMakeFilesystem(step);
    case "mount-filesystem":
      return renderMountFilesystem(step);
    case "write-tree":
      return renderWriteTree(step);
    case "lay-overrides":
      return renderLayOverrides(step);
    case "verify-tree":
      return renderVerifyTree(step);
    case "make-swap-file":
      return renderMakeSwapFile(step);
    case "write-fstab":
      return renderWriteFstab(step);
    case "set-identity":
      return renderSetIdentity(step);
    case "rename-devices":
      return renderRenameDevices(step);
    case "adapt-network":
      return renderAdaptNetwork();
    case "build-initramfs":
      return renderBuildInitramfs({ from: phasePercents.initramfs, to: phasePercents.bootloader });
    case "install-bootloader":
      return renderInstallBootloader(step);
    case "check-boot":
      return renderCheckBoot(step);
    case "finish":
      return renderFinish(step);
    default:
      return unreachable(step);
  }
}

/** Identity is laid where the machine got one. */
function phaseOf(step: InstallStep): InstallPhase {
  return step.kind === "lay-overrides" && step.identity ? stepPhases["set-identity"] : stepPhases[step.kind];
}

function renderSteps(steps: readonly InstallStep[]): string {
  let phase: InstallPhase | undefined;
  let text = "";
  for (const step of steps) {
    const next = phaseOf(step);
    if (next !== phase) {
      phase = next;
      const bar = "-".repeat(Math.max(3, 110 - phase.length));
      text += `\n# === ${phase} ${bar}\nphase ${phase} ${phasePercents[phase]} '${phaseTexts[phase]}'\n\n`;
    }
    text += `${renderStep(step)}\n`;
  }
  return text;
}

/** Renders the whole script. */
export function renderScript(steps: readonly InstallStep[], title: ScriptTitle): ShellText {
  return trustedShell(
    [
      "#!/bin/sh",
      `# Ingot master script: installs ${comment(title.image)} on ${comment(title.node)}.`,
      "#",
      "# It runs in Ingot's install ramdisk. Each step is checked: the first that fails is reported with its message and ends",
      "# the install; success is told to the server only after what was written has been compared with the version.",
      "#",
      "# Text in single quotes, of the layout and for inner programs, is not to be expanded here.",
      "# shellcheck disable=SC2016",
      "set -u",
      "",
      baseFunctions,
      chooseFunctions,
      diskFunctions,
      ...(steps.some((step) => step.kind === "record-stack" && step.devices.length > 0)
        ? [stackFunctions]
        : []),
      ...(steps.some((step) => step.kind === "make-crypt") ? [cryptFunctions] : []),
      ...(steps.some((step) => step.kind === "make-filesystem" && step.subvolumes.length > 0)
        ? [subvolumeFunctions]
        : []),
      treeFunctions,
      overrideFunctions,
      ...(steps.some((step) => step.kind === "make-swap-file") ? [swapFileFunctions] : []),
      configureFunctions,
      networkFunctions,
      recordCryptFunctions,
      bootFunctions,
      ...(steps.some((step) => step.kind === "install-bootloader" && step.firmware === "uefi")
        ? [uefiFunctions]
        : []),
      stageFunctions,
      "# --- The install ------------------------------------------------------------------------------------------------------",
      renderSteps(steps).trim(),
      "",
    ].join("\n"),
  );
}
