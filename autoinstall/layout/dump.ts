/**
 * Partition tables as the usual tools print them: `sfdisk -d`, `sgdisk -p`, `parted -m … print`, `lsblk --json`. Which of them it
 * is shows in the text. What comes out is facts of a client of which nothing else is known.
 */
import { byteSize } from "../../base/quantity.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { DiskFacts, DiskLabel, GoldenFacts } from "../../images/capture/facts.ts";
import { parsePartitionDevice, partitionDevice } from "./device-name.ts";
import type { Dump, DumpedDisk, DumpedPartition } from "./dump-disk.ts";
import { parseLsblkDump } from "./dump-lsblk.ts";
import { gptTypes } from "./partition-type.ts";

function labelOf(text: string | undefined): DiskLabel | undefined {
  return text === "gpt" ? "gpt" : text === "dos" || text === "msdos" || text === "mbr" ? "msdos" : undefined;
}

function withLabel(disk: Omit<DumpedDisk, "label">, label: DiskLabel | undefined): DumpedDisk {
  return label === undefined ? disk : { ...disk, label };
}

/** The last byte of the last partition: a disk is at least as large. */
function reach(partitions: readonly DumpedPartition[]): number {
  return Math.max(0, ...partitions.map(({ start, size }) => start + size));
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const match of text.matchAll(/([A-Za-z-]+)(?:\s*=\s*("[^"]*"|[^,\s]+))?/g)) {
    fields.set((match[1] ?? "").toLowerCase(), (match[2] ?? "").replaceAll('"', ""));
  }
  return fields;
}

function parseSfdisk(text: string): readonly DumpedDisk[] {
  // One dump per disk, one after the other; a header of the new form or of that of 2013 and before.
  const parts = text
    .split(/^(?=label:|# partition table of )/m)
    .filter((part) => /^\/dev\/\S+\s*:/m.test(part));
  return parts.flatMap((part) => {
    const header = new Map(
      [...part.matchAll(/^([a-z-]+):\s*(.*)$/gm)].map((match) => [match[1] ?? "", (match[2] ?? "").trim()]),
    );
    const sector = Number(header.get("sector-size")) || 512;
    const partitions = [...part.matchAll(/^(\/dev\/\S+)\s*:\s*(.*)$/gm)].flatMap((match) => {
      const place = parsePartitionDevice(match[1] ?? "");
      const fields = fieldsOf(match[2] ?? "");
      const size = Number(fields.get("size")) * sector;
      const name = fields.get("name");
      return place === undefined || !(size > 0)
        ? []
        : [
            {
              disk: place.disk,
              number: place.number,
              start: Number(fields.get("start")) * sector,
              size,
              type: (fields.get("type") ?? fields.get("id") ?? "83").toLowerCase(),
              bootable: fields.has("bootable") || (fields.get("attrs") ?? "").includes("LegacyBIOSBootable"),
              ...(name === undefined ? {} : { name }),
            },
          ];
    });
    const device = header.get("device") ?? partitions[0]?.disk;
    const last = Number(header.get("last-lba"));
    const size = last > 0 ? (last + 34) * sector : reach(partitions);
    const label = labelOf(header.get("label") ?? "dos");
    return device === undefined ? [] : [withLabel({ device, size, sector, partitions }, label)];
  });
}

/** sgdisk's codes for types that layouts know. */
const gdiskCodes: Readonly<Record<string, string>> = {
  EF00: gptTypes.esp,
  EF02: gptTypes.bios_grub,
  "8200": gptTypes.swap,
  "8E00": gptTypes.lvm,
  FD00: gptTypes.raid,
  "0700": gptTypes.msftdata,
};

function parseSgdisk(text: string): readonly DumpedDisk[] {
  return text.split(/^(?=Disk \/dev\/)/m).flatMap((part) => {
    const head = /^Disk (\/dev\/\S+): (\d+) sectors/.exec(part);
    if (head?.[1] === undefined) {
      return [];
    }
    const sector = Number(/^(?:Logical s|S)ector size[^:]*: (\d+)/m.exec(part)?.[1] ?? 512);
    const rows = part.matchAll(/^\s*(\d+)\s+(\d+)\s+(\d+)\s+[\d.]+ [KMGTP]?i?B\s+([0-9A-F]{4})[ \t]*(.*)$/gm);
    const partitions = [...rows].map((row): DumpedPartition => {
      const start = Number(row[2]);
      const name = (row[5] ?? "").trim();
      return {
        number: Number(row[1]),
        start: start * sector,
        size: (Number(row[3]) - start + 1) * sector,
        type: gdiskCodes[row[4] ?? ""] ?? gptTypes.linux,
        bootable: false,
        ...(name === "" ? {} : { name }),
      };
    });
    return [{ device: head[1], size: Number(head[2]) * sector, sector, label: "gpt" as const, partitions }];
  });
}

const partedUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

function partedBytes(text: string, sector: number): number {
  const match = /^([\d.]+)([A-Za-z]+)$/.exec(text);
  const unit = match?.[2] === "s" ? sector : partedUnits[match?.[2] ?? ""];
  return Math.round(Number(match?.[1]) * (unit ?? Number.NaN));
}

/** parted says flags and a filesystem where the others say a type. */
function partedType(options: {
  readonly flags: readonly string[];
  readonly filesystem: string;
  readonly label: DiskLabel | undefined;
  readonly number: number;
}): string {
  const { flags, label } = options;
  const names = ["esp", "bios_grub", "lvm", "raid", "swap", "msftdata"] as const;
  const flag = names.find((name) => flags.includes(name));
  if (label === "gpt") {
    const swap = options.filesystem.startsWith("linux-swap");
    return flag === undefined ? gptTypes[swap ? "swap" : "linux"] : gptTypes[flag];
  }
  const types: Readonly<Record<string, string>> = { esp: "ef", lvm: "8e", raid: "fd", swap: "82" };
  if (flag !== undefined && types[flag] !== undefined) {
    return types[flag];
  }
  return options.filesystem.startsWith("linux-swap") ? "82" : "83";
}

function parseParted(text: string): readonly DumpedDisk[] {
  return text
    .split(/^BYT;\s*$/m)
    .slice(1)
    .flatMap((part) => {
      const [head = [], ...rows] = part
        .split("\n")
        .map((line) => line.trim().replace(/;$/, ""))
        .filter((line) => line !== "")
        .map((line) => line.split(":"));
      const [device = "", total = "", , sectorText = ""] = head;
      const sector = Number(sectorText) || 512;
      const label = labelOf(head[5]);
      const raw = rows.map((row) => ({
        number: Number(row[0]),
        start: partedBytes(row[1] ?? "", sector),
        size: partedBytes(row[3] ?? "", sector),
        filesystem: row[4] ?? "",
        name: row[5] ?? "",
        flags: (row[6] ?? "").split(/[,\s]+/).filter((flag) => flag !== ""),
      }));
      const partitions = raw
        .filter(({ number, size }) => number > 0 && size > 0)
        .map((one): DumpedPartition => {
          // The machine form does not say which is extended: the one that others lie in.
          const holds = raw.some(
            ({ number, start }) =>
              number >= 5 && start >= one.start && start < one.start + one.size && one.number <= 4,
          );
          return {
            number: one.number,
            start: one.start,
            size: one.size,
            type: label === "msdos" && holds ? "5" : partedType({ ...one, label }),
            bootable: label === "msdos" ? one.flags.includes("boot") : one.flags.includes("legacy_boot"),
            ...(one.name === "" ? {} : { name: one.name }),
          };
        });
      const size = partedBytes(total, sector);
      return device.startsWith("/dev/") ? [withLabel({ device, size, sector, partitions }, label)] : [];
    });
}

function readDump(text: string): Dump | undefined {
  if (/^\s*\{/.test(text)) {
    return parseLsblkDump(text);
  }
  const disks = /^BYT;/m.test(text)
    ? parseParted(text)
    : /^Number\s+Start \(sector\)/m.test(text)
      ? parseSgdisk(text)
      : parseSfdisk(text);
  return disks.length === 0 ? undefined : { disks, filesystems: [] };
}

function diskFacts(disk: DumpedDisk): DiskFacts {
  return {
    device: disk.device,
    size: byteSize(disk.size),
    logicalSector: disk.sector,
    physicalSector: disk.sector,
    ...(disk.label === undefined ? {} : { label: disk.label }),
    rotational: false,
    removable: false,
    readOnly: false,
    partitions: disk.partitions.map((partition) => ({
      ...partition,
      device: partitionDevice(disk.device, partition.number),
      start: byteSize(partition.start),
      size: byteSize(partition.size),
    })),
  };
}

/** Larger than any machine's dump. */
export const dumpLimit = 1024 * 1024;

/** Reads a dump as facts of a client; `source` names it in comments of the repaired file. */
export function factsFromDump(text: string, source: string): Result<GoldenFacts, string> {
  const dump = text.length > dumpLimit ? undefined : readDump(text);
  if (dump === undefined) {
    return err("it is no output of sfdisk -d, sgdisk -p, parted -m or lsblk --json with a disk in it");
  }
  return ok({
    hostname: source,
    os: { id: "linux", prettyName: "Linux" },
    kernel: "",
    machine: "",
    firmware: "bios",
    disks: dump.disks.map(diskFacts),
    filesystems: dump.filesystems,
    mounts: [],
    fstab: "",
    bootLoader: { kind: "unknown", disks: [] },
    tools: {
      tarXattrs: false,
      tarAcls: false,
      tarSelinux: false,
      sha256sum: false,
      zstd: false,
      getfattr: false,
    },
    root: false,
  });
}
