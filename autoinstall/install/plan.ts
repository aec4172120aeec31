/** Turns a layout and a node into the steps of its install, or says why it cannot be installed. */

import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { ShellText } from "../../base/posix-quote.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import { checkLayout } from "../layout/check.ts";
import { contentProblems } from "../layout/content.ts";
import { type Diagnostic, hasErrors } from "../layout/diagnostic.ts";
import { adaptToFirmware, bootDisks, layoutFirmware } from "../layout/firmware.ts";
import { sourceTag } from "../layout/fstab.ts";
import { groupNeeds } from "../layout/group-room.ts";
import {
  type DiskLayout,
  type FilesystemLine,
  type FstabEntry,
  filesystemLabel,
  installedEntries,
  isSwapFile,
  makeable,
  mountPath,
  sortedLines,
  subvolume,
  wholeMib,
} from "../layout/model.ts";
import { entryRole } from "../layout/role.ts";
import { blockOf, canonicalDevice } from "../layout/stack.ts";
import { tableOf } from "../layout/table.ts";
import { blockReference, stackDevices, stackSteps } from "./plan-stack.ts";
import type { FstabOutput, InstallStep } from "./steps.ts";

/** Where the node's future root is mounted while it is installed. */
export const installRoot = "/target";

/** Makes the command that lists a tree: `listCommand` of images/sync/listing.ts. */
export type MakeListCommand = (options: {
  readonly root: string;
  readonly prune: readonly { readonly path: RelPath; readonly keep: "nothing" }[];
}) => ShellText;

export interface InstallInput {
  readonly layout: DiskLayout;
  readonly node: {
    readonly hostname: string;
    readonly domain?: string;
    /** Disks to install onto, in the layout's order, where the administrator named them. */
    readonly disks?: readonly string[];
    /** True where whatever the disks hold may go. */
    readonly wipe?: boolean;
  };
  /** Of the node; without it the layout's own. */
  readonly firmware?: Firmware;
  readonly image: {
    readonly name: string;
    readonly version: number;
    readonly treeBytes: number;
    readonly treeFiles: number;
    /** False where it is known to have no loader that Secure Boot starts. */
    readonly signedLoader?: boolean;
  };
  /** Bytes by mount point that lie there in the end, where they are known. */
  readonly used?: ReadonlyMap<string, number>;
  /** Bytes that come after the tree: what overrides lay over it. */
  readonly growth?: number;
  readonly listCommand: MakeListCommand;
}

export interface InstallPlan {
  readonly steps: readonly InstallStep[];
  readonly notes: readonly Diagnostic[];
}

/** Options of /etc/fstab that change what a filesystem of a machine's own shows, and so hold while it is written. */
const vfatOptions = /^(?:umask|fmask|dmask|uid|gid|iocharset|codepage|shortname|utf8)(?:=[A-Za-z0-9_-]+)?$/;

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function depth(entry: FstabEntry): number {
  return mountPath(entry)
    .split("/")
    .filter((part) => part !== "").length;
}

/** One entry per device: several lines may mount subvolumes of one filesystem. */
function filesystems(layout: DiskLayout): readonly FstabEntry[] {
  const entries = installedEntries(layout);
  const device = (entry: FstabEntry) => canonicalDevice(layout, entry.device);
  return entries.filter(
    (entry, index) => entries.findIndex((one) => device(one) === device(entry)) === index,
  );
}

function subvolumesOn(layout: DiskLayout, device: string): readonly string[] {
  const names = installedEntries(layout)
    .filter((entry) => canonicalDevice(layout, entry.device) === canonicalDevice(layout, device))
    .flatMap((entry) => subvolume(entry) ?? []);
  return [...new Set(names)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

function formatSteps(layout: DiskLayout): readonly InstallStep[] {
  return filesystems(layout).flatMap((entry): readonly InstallStep[] => {
    const filesystem = makeable(entry.filesystem);
    if (filesystem === undefined) {
      return [];
    }
    const label = filesystemLabel(entry);
    const role = entryRole(entry);
    const own = words(entry.mkfsOptions);
    return [
      {
        kind: "make-filesystem",
        place: blockReference(layout, entry.device),
        filesystem,
        purpose: role === "swap" ? "swap" : mountPath(entry),
        ...(label === undefined ? {} : { label }),
        // Firmware is only bound to read FAT32 on a fixed disk's ESP.
        options: own.length === 0 && role === "esp" ? ["-F", "32"] : own,
        subvolumes: subvolumesOn(layout, entry.device),
        named: !keepsName(layout, entry) || role === "root" || entry === resumeEntry(layout),
      },
    ];
  });
}

function mountSteps(layout: DiskLayout): readonly InstallStep[] {
  return installedEntries(layout)
    .filter((entry) => entry.filesystem !== "swap")
    .sort((a, b) => depth(a) - depth(b))
    .flatMap((entry): readonly InstallStep[] => {
      const filesystem = makeable(entry.filesystem);
      const kept = entry.options.split(",").filter((option) => vfatOptions.test(option));
      const named = subvolume(entry);
      return filesystem === undefined
        ? []
        : [
            {
              kind: "mount-filesystem",
              place: blockReference(layout, entry.device),
              filesystem,
              mountPoint: mountPath(entry),
              // FAT has no owners and modes: `quiet` lets tar set them in vain.
              options:
                filesystem === "vfat" ? [...kept, "quiet"] : named === undefined ? [] : [`subvol=${named}`],
            },
          ];
    });
}

/** Block devices of the golden client that this install does not make: an absent one must not hold up the boot. */
function isElsewhere(entry: FstabEntry): boolean {
  const spec = entry.mountDevice ?? entry.device;
  return spec.startsWith("/dev/") || sourceTag(spec) !== undefined;
}

/** A volume, plain or encrypted, has the same name on every machine: what names it so may go on doing that. */
function keepsName(layout: DiskLayout, entry: FstabEntry): boolean {
  const named = entry.mountDevice ?? entry.device;
  const kind = named.startsWith("/dev/") ? blockOf(layout, named)?.kind : undefined;
  return kind === "volume" || kind === "crypt";
}

/** The swap area that a suspended system is looked for in. */
function resumeEntry(layout: DiskLayout): FstabEntry | undefined {
  return installedEntries(layout).find((entry) => entry.filesystem === "swap");
}

function fstabLine(layout: DiskLayout, line: FilesystemLine): FstabOutput {
  if (line.kind === "comment") {
    return { kind: "text", text: line.text.trimEnd() };
  }
  const tail = [line.mountPoint, line.filesystem, line.options];
  const numbers =
    line.dump === undefined && line.pass === undefined
      ? []
      : [String(line.dump ?? 0), ...(line.pass === undefined ? [] : [String(line.pass)])];
  const keeps = keepsName(layout, line);
  if (installedEntries(layout).includes(line) && !keeps) {
    const rest = [...tail, ...numbers].join(" ");
    return { kind: "filesystem", place: blockReference(layout, line.device), rest };
  }
  const patient = line.options.split(",").some((option) => option === "noauto" || option === "nofail");
  const options = isElsewhere(line) && !keeps && !patient ? `${line.options},nofail` : line.options;
  const fields = [line.mountDevice ?? line.device, line.mountPoint, line.filesystem, options, ...numbers];
  return { kind: "text", text: fields.join(" ") };
}

/** lost+found is made by mkfs; it is on the node and in no image. */
function lostAndFound(layout: DiskLayout): readonly RelPath[] {
  return installedEntries(layout)
    .filter((entry) => (makeable(entry.filesystem) ?? "").startsWith("ext"))
    .flatMap((entry) => {
      const path = parseRelPath(`${mountPath(entry).slice(1)}/lost+found`.replace(/^\//, ""));
      return path.ok ? [path.value] : [];
    });
}

function swapFileSteps(layout: DiskLayout): readonly InstallStep[] {
  return sortedLines(layout).flatMap((line) => {
    const made = line.kind === "entry" && isSwapFile(line) ? line : undefined;
    return made?.fileSize === undefined
      ? []
      : [
          {
            kind: "make-swap-file" as const,
            path: made.device,
            mib: wholeMib(made.fileSize),
          },
        ];
  });
}

/** What the ramdisk must have, asked before anything is written. */
function programsFor(layout: DiskLayout): readonly string[] {
  const made = filesystems(layout).flatMap((entry) => makeable(entry.filesystem) ?? []);
  const programs = [
    ...made.map((filesystem) => (filesystem === "swap" ? "mkswap" : `mkfs.${filesystem}`)),
    ...(layout.raids.length === 0 ? [] : ["mdadm"]),
    ...(layout.lvm.length === 0 ? [] : ["lvcreate"]),
    ...(layout.crypts.length === 0 ? [] : ["cryptsetup"]),
  ];
  return [...new Set(programs)];
}

function identityStep(node: InstallInput["node"]): InstallStep {
  const domain = node.domain === undefined || node.domain === "" ? {} : { domain: node.domain };
  return { kind: "set-identity", hostname: node.hostname, ...domain };
}

function renameStep(layout: DiskLayout, boot: readonly number[]): InstallStep {
  const entries = installedEntries(layout);
  const old = entries.flatMap((entry) => {
    const tag = sourceTag(entry.mountDevice ?? "");
    const uuid = tag?.[0] === "UUID" && /^[0-9A-Fa-f-]{4,36}$/.test(tag[1]) ? tag[1] : undefined;
    return uuid === undefined ? [] : [{ uuid, place: blockReference(layout, entry.device) }];
  });
  const swap = resumeEntry(layout);
  const swapPlace = swap === undefined ? {} : { swap: blockReference(layout, swap.device) };
  return { kind: "rename-devices", old, bootDisks: boot, ...swapPlace };
}

/** Plans an install. Layout errors, and what the node's firmware cannot have, are the failure. */
export function planInstall(input: InstallInput): Result<InstallPlan, readonly Diagnostic[]> {
  const findings = checkLayout(input.layout);
  if (hasErrors(findings)) {
    return err(findings);
  }
  const firmware = input.firmware ?? layoutFirmware(input.layout);
  const adapted = adaptToFirmware(input.layout, firmware);
  if (!adapted.ok) {
    return adapted;
  }
  const { layout, notes } = adapted.value;
  const known = {
    treeBytes: input.image.treeBytes + (input.growth ?? 0),
    ...(input.used === undefined ? {} : { used: input.used }),
  };
  const tooSmall = contentProblems(layout, known);
  if (tooSmall.length > 0) {
    return err(tooSmall);
  }
  const tables = layout.disks.map((disk) => tableOf(layout, disk, known));
  const boot = bootDisks(layout).map((disk) => layout.disks.indexOf(disk) + 1);
  const root = installedEntries(layout).find((entry) => entryRole(entry) === "root");
  const esps = installedEntries(layout)
    .filter((entry) => entryRole(entry) === "esp")
    .map(mountPath);
  const booting = {
    firmware,
    root: root === undefined ? { disk: 1, partition: 0 } : blockReference(layout, root.device),
    bootDisks: boot,
    esps: esps.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)),
  };
  const stack = stackDevices(layout);
  const prune = lostAndFound(layout);
  const command = input.listCommand({
    root: installRoot,
    prune: prune.map((path) => ({ path, keep: "nothing" as const })),
  });
  const named = {
    ...(input.node.disks === undefined ? {} : { named: input.node.disks }),
    ...(input.node.wipe === true ? { wipe: true } : {}),
  };
  const steps: readonly InstallStep[] = [
    { kind: "pre-install" },
    ...(firmware === "uefi" && input.image.signedLoader === false
      ? [{ kind: "refuse-unsigned" as const }]
      : []),
    {
      kind: "choose-disks",
      programs: programsFor(layout),
      tables,
      groups: groupNeeds(layout, known),
      ...named,
    },
    ...(layout.crypts.length === 0 ? [] : [{ kind: "fetch-key" as const }]),
    ...tables.map((table, index): InstallStep => ({ kind: "partition-disk", disk: index + 1, table })),
    ...stackSteps(layout, input.node.hostname),
    ...formatSteps(layout),
    ...mountSteps(layout),
    { kind: "write-tree", bytes: input.image.treeBytes, files: input.image.treeFiles },
    { kind: "lay-overrides", identity: false },
    { kind: "verify-tree", command, prune },
    ...swapFileSteps(layout),
    { kind: "write-fstab", lines: sortedLines(layout).map((line) => fstabLine(layout, line)) },
    identityStep(input.node),
    renameStep(layout, boot),
    { kind: "record-stack", devices: stack },
    { kind: "adapt-network" },
    { kind: "lay-overrides", identity: true },
    { kind: "build-initramfs" },
    { kind: "install-bootloader", ...booting },
    { kind: "post-install" },
    { kind: "check-boot", ...booting },
    { kind: "finish", image: `${input.image.name}@${input.image.version}`, stack: [...stack].reverse() },
  ];
  return ok({ steps, notes });
}
