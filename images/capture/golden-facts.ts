/** Puts what the probe printed together to {@link GoldenFacts}: one value, so that nothing later asks the machine again. */
import { byteSize } from "../../base/quantity.ts";
import { err, ok, type Result } from "../../base/result.ts";
import {
  bootCodeName,
  hasBootCode,
  type KernelDisk,
  parseBlkid,
  parseKernelDisks,
  parseSfdiskDump,
  present,
} from "./disk-tables.ts";
import type { BootLoaderFacts, DiskFacts, FilesystemFacts, GoldenFacts, MountFacts } from "./facts.ts";
import { type BlockDevice, parseLsblk } from "./lsblk.ts";
import { parseMounts } from "./mounts.ts";
import { parseAssignments, type Sections, sectionLines, splitSections } from "./sections.ts";
import { parseArrays, parseCrypts, parseVolumeGroups } from "./stack-facts.ts";
import { toolFacts } from "./tool-facts.ts";

/** Reads the probe's output. */
export function parseProbe(output: string): Result<GoldenFacts, string> {
  const split = splitSections(output);
  if (!split.ok) {
    return err(split.error);
  }
  const sections = split.value;
  const [hostname = "localhost", kernel = "", machine = ""] = sectionLines(sections, "uname");
  const blockDevices = parseLsblk(sections.get("lsblk") ?? "");
  const kernelDisks = parseKernelDisks(sections.get("sysfs") ?? "");
  const disks = kernelDisks.map((disk) => diskFacts(disk, { sections, blockDevices }));
  const mounts = parseMounts(sections.get("mountinfo") ?? "", {
    removableDisks: disks
      .filter((disk) => disk.removable || disk.transport === "usb")
      .map((disk) => disk.device),
  });
  return ok({
    hostname,
    os: osFacts(sections),
    kernel,
    machine,
    firmware: sectionLines(sections, "firmware")[0] === "uefi" ? "uefi" : "bios",
    disks,
    filesystems: filesystemFacts(sections, { mounts, blockDevices, disks }),
    arrays: parseArrays(sections.get("md") ?? ""),
    volumeGroups: parseVolumeGroups({
      vgs: sections.get("vgs") ?? "",
      pvs: sections.get("pvs") ?? "",
      lvs: sections.get("lvs") ?? "",
    }),
    crypts: parseCrypts(sections.get("crypt") ?? ""),
    swapFiles: swapFiles(sections),
    mounts,
    fstab: sections.get("fstab")?.replace(/\n$/, "") ?? "",
    bootLoader: bootLoaderFacts(sections, kernelDisks),
    tools: toolFacts(sections),
    root: sectionLines(sections, "uid")[0] === "0",
  });
}

function osFacts(sections: Sections): GoldenFacts["os"] {
  const values = parseAssignments(sections.get("os-release") ?? "");
  // Before os-release (2012) there was one line: `CentOS release 6.10 (Final)`.
  const line = sectionLines(sections, "release-file")[0] ?? "";
  const older = /^(\S+).*?(\d+(?:\.\d+)*)/.exec(line);
  return {
    id: values.get("ID") ?? older?.[1]?.toLowerCase() ?? "linux",
    prettyName: values.get("PRETTY_NAME") ?? (line === "" ? "Linux" : line),
    ...present({ versionId: values.get("VERSION_ID") ?? older?.[2], idLike: values.get("ID_LIKE") }),
  };
}

function diskFacts(
  disk: KernelDisk,
  context: { readonly sections: Sections; readonly blockDevices: readonly BlockDevice[] },
): DiskFacts {
  const block = context.blockDevices.find((each) => each.device === disk.device);
  const table = parseSfdiskDump(context.sections.get(`sfdisk ${disk.device}`) ?? "", disk);
  // Without sfdisk the kernel still knows where the partitions are.
  const partitions =
    table.partitions.length > 0
      ? table.partitions
      : disk.partitions.map((each) => ({
          number: each.number,
          device: each.device,
          start: byteSize(each.start),
          size: byteSize(each.size),
          type: "",
          bootable: false,
        }));
  return {
    device: disk.device,
    size: byteSize(disk.size),
    logicalSector: disk.logicalSector,
    physicalSector: disk.physicalSector,
    ...(table.label === undefined ? {} : { label: table.label }),
    ...present({
      labelId: table.labelId,
      model: block?.model ?? disk.model,
      serial: block?.serial ?? disk.serial,
      wwn: block?.wwn ?? disk.wwn,
      transport: block?.transport ?? undefined,
    }),
    rotational: disk.rotational,
    removable: disk.removable,
    readOnly: disk.readOnly,
    partitions,
  };
}

function filesystemFacts(
  sections: Sections,
  context: {
    readonly mounts: readonly MountFacts[];
    readonly blockDevices: readonly BlockDevice[];
    readonly disks: readonly DiskFacts[];
  },
): readonly FilesystemFacts[] {
  const known = new Map<string, FilesystemFacts>();
  for (const device of context.blockDevices) {
    if (device.fstype) {
      known.set(device.device, {
        device: device.device,
        type: device.fstype,
        ...present({ uuid: device.uuid ?? undefined, label: device.label ?? undefined }),
      });
    }
  }
  // blkid reads the devices themselves; lsblk asks udev's memory of them. The first wins.
  for (const filesystem of parseBlkid(sections.get("blkid") ?? "")) {
    known.set(filesystem.device, filesystem);
  }
  for (const mount of context.mounts) {
    if (mount.kind === "local" && mount.source.startsWith("/dev/") && !known.has(mount.source)) {
      known.set(mount.source, { device: mount.source, type: mount.type });
    }
  }
  for (const line of sectionLines(sections, "swaps").slice(1)) {
    const device = line.split(/\s+/)[0] ?? "";
    if (device.startsWith("/dev/") && !known.has(device)) {
      known.set(device, { device, type: "swap" });
    }
  }
  const usage = parseDf(sections.get("df") ?? "");
  const inodes = parseDf(sections.get("df-inodes") ?? "");
  const sizes = new Map<string, number>([
    ...context.blockDevices.map((each) => [each.device, each.size ?? 0] as const),
    ...context.disks.flatMap((disk) => disk.partitions.map((each) => [each.device, each.size] as const)),
  ]);
  return [...known.values()]
    .map((filesystem) => {
      const mount = context.mounts.find((each) => each.kind === "local" && each.source === filesystem.device);
      const size = sizes.get(filesystem.device);
      const used = mount === undefined ? undefined : usage.get(mount.mountPoint);
      const entries = mount === undefined ? undefined : inodes.get(mount.mountPoint);
      return {
        ...filesystem,
        ...(size === undefined || size === 0 ? {} : { size: byteSize(size) }),
        ...(used === undefined ? {} : { used: byteSize(used * 1024) }),
        ...(mount === undefined ? {} : { mountPoint: mount.mountPoint }),
        ...(entries === undefined ? {} : { entries }),
      };
    })
    .sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** Used blocks (or inodes) by mount point, from `df -P`: six columns, of which the last may hold blanks. */
export function parseDf(text: string): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  for (const line of text.split("\n").slice(1)) {
    const match = /^.*?\s+(?:\d+|-)\s+(\d+)\s+(?:-?\d+|-)\s+(?:\d+%|-)\s+(\/.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      used.set(match[2], Number(match[1]));
    }
  }
  return used;
}

/** From /proc/swaps, which counts in KiB and the header page with them. */
function swapFiles(sections: Sections): NonNullable<GoldenFacts["swapFiles"]> {
  return sectionLines(sections, "swaps").flatMap((line) => {
    const [path = "", kind, kib] = line.split(/\s+/);
    return kind === "file" && path.startsWith("/") ? [{ path, size: (Number(kib) + 4) * 1024 }] : [];
  });
}

function bootLoaderFacts(sections: Sections, disks: readonly KernelDisk[]): BootLoaderFacts {
  const files = new Set(sectionLines(sections, "boot-files"));
  const code = disks.map((disk) => ({ disk, od: sections.get(`boot-code ${disk.device}`) ?? "" }));
  const commandLine = sectionLines(sections, "cmdline")[0];
  function has(...names: readonly string[]): boolean {
    return names.some((name) => files.has(name));
  }
  const kind: BootLoaderFacts["kind"] = has("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
    ? "grub2"
    : has("/boot/loader/loader.conf", "/boot/efi/loader/loader.conf", "/efi/loader/loader.conf")
      ? "systemd-boot"
      : has("/boot/grub/menu.lst", "/boot/grub/grub.conf")
        ? "grub-legacy"
        : has("/boot/extlinux/extlinux.conf", "/boot/syslinux/extlinux.conf")
          ? "extlinux"
          : has("/etc/lilo.conf") && code.some(({ od }) => bootCodeName(od) === "LILO")
            ? "lilo"
            : "unknown";
  return {
    kind,
    disks: code.filter(({ od }) => hasBootCode(od)).map(({ disk }) => disk.device),
    ...(commandLine === undefined ? {} : { commandLine }),
  };
}
