/** What sysfs, sfdisk and blkid say of disks. Sizes in sysfs and in sfdisk's dumps are sectors. */
import { byteSize } from "../../base/quantity.ts";
import type { DiskLabel, FilesystemFacts, PartitionFacts } from "./facts.ts";
import { parseAssignments } from "./sections.ts";

/** A disk as the kernel knows it. */
export interface KernelDisk {
  readonly device: string;
  readonly size: number;
  readonly logicalSector: number;
  readonly physicalSector: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly rotational: boolean;
  readonly model?: string;
  readonly serial?: string;
  readonly wwn?: string;
  readonly partitions: readonly {
    readonly device: string;
    readonly number: number;
    readonly start: number;
    readonly size: number;
  }[];
}

export interface PartitionTable {
  readonly label?: DiskLabel;
  readonly labelId?: string;
  readonly partitions: readonly PartitionFacts[];
}

/** Sysfs counts in 512-byte units whatever the sector size is. */
const sysfsUnit = 512;

/** Parses the `sysfs` section: `disk=NAME` and its values, then `partition=NAME` and theirs. Disks without a medium are left out. */
export function parseKernelDisks(text: string): readonly KernelDisk[] {
  return text
    .split(/^disk=/m)
    .slice(1)
    .flatMap((block) => {
      const [head = "", ...parts] = block.split(/^partition=/m);
      const name = firstLine(head);
      const values = parseAssignments(head);
      const size = Number(values.get("size")) * sysfsUnit;
      if (!Number.isSafeInteger(size) || size <= 0) {
        return [];
      }
      const wwn = values.get("wwid");
      return [
        {
          device: devicePath(name),
          size,
          logicalSector: Number(values.get("logical")) || 512,
          physicalSector: Number(values.get("physical")) || 512,
          readOnly: values.get("ro") === "1",
          removable: values.get("removable") === "1",
          rotational: values.get("rotational") !== "0",
          ...present({ model: values.get("model"), serial: values.get("serial"), wwn }),
          partitions: parts.flatMap((part) => {
            const fields = parseAssignments(part);
            const number = Number(fields.get("number"));
            return Number.isSafeInteger(number) && number > 0
              ? [
                  {
                    device: devicePath(firstLine(part)),
                    number,
                    start: Number(fields.get("start")) * sysfsUnit,
                    size: Number(fields.get("size")) * sysfsUnit,
                  },
                ]
              : [];
          }),
        },
      ];
    });
}

/** Parses `sfdisk --dump` of new and old util-linux (`type=83` or `Id=83`). Empty where there is no table that it knows. */
export function parseSfdiskDump(text: string, disk: KernelDisk): PartitionTable {
  const label =
    /^label:\s*(\S+)/m.exec(text)?.[1] ?? (/^\S+ : start=.*\bId=/m.test(text) ? "dos" : undefined);
  const labelId = /^label-id:\s*(\S+)/m.exec(text)?.[1];
  const unit = Number(/^sector-size:\s*(\d+)/m.exec(text)?.[1] ?? disk.logicalSector);
  const partitions = text.split("\n").flatMap((line) => parsePartition(line, { disk, unit }) ?? []);
  return {
    ...(label === "dos" ? { label: "msdos" as const } : label === "gpt" ? { label: "gpt" as const } : {}),
    ...present({ labelId: labelId?.replace(/^0x/, "").toLowerCase() }),
    partitions,
  };
}

/** `/dev/vda1 : start= 2048, size= 204800, type=83, bootable` and for GPT `…, type=GUID, uuid=GUID, name="EFI System", attrs="…"`. */
function parsePartition(
  line: string,
  context: { readonly disk: KernelDisk; readonly unit: number },
): PartitionFacts | undefined {
  const match = /^(\/dev\/\S+)\s*:\s*(.*)$/.exec(line);
  const device = match?.[1];
  const number = Number(/(\d+)$/.exec(device ?? "")?.[1]);
  if (device === undefined || !device.startsWith(context.disk.device) || !Number.isSafeInteger(number)) {
    return undefined;
  }
  const fields = new Map<string, string>();
  for (const field of (match?.[2] ?? "").matchAll(/([A-Za-z-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s]*))?/g)) {
    fields.set((field[1] ?? "").toLowerCase(), (field[2] ?? "").replace(/^"(.*)"$/, "$1"));
  }
  const size = Number(fields.get("size")) * context.unit;
  if (!Number.isSafeInteger(size) || size <= 0) {
    return undefined;
  }
  return {
    number,
    device,
    start: byteSize(Number(fields.get("start")) * context.unit),
    size: byteSize(size),
    type: (fields.get("type") ?? fields.get("id") ?? "").toLowerCase(),
    bootable: fields.has("bootable") || (fields.get("attrs") ?? "").includes("LegacyBIOSBootable"),
    ...present({ name: fields.get("name") || undefined, uuid: fields.get("uuid")?.toLowerCase() }),
  };
}

/** Parses `blkid -o export`: blocks of assignments, parted by empty lines. Devices without a known content are left out. */
export function parseBlkid(text: string): readonly FilesystemFacts[] {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const values = parseAssignments(block);
    const device = values.get("DEVNAME");
    const type = values.get("TYPE");
    return device === undefined || type === undefined
      ? []
      : [{ device, type, ...present({ uuid: values.get("UUID"), label: values.get("LABEL") }) }];
  });
}

/** True where the first 440 bytes of a disk, in od's hexadecimal, are a program and not zeros. */
export function hasBootCode(od: string): boolean {
  return /[1-9a-f]/i.test(od);
}

/** Which boot loader wrote that code: GRUB (both generations) and LILO carry their names. */
export function bootCodeName(od: string): "GRUB" | "LILO" | undefined {
  const bytes = od.match(/[0-9a-f]{2}/gi) ?? [];
  const text = bytes.map((byte) => String.fromCharCode(Number.parseInt(byte, 16))).join("");
  return text.includes("GRUB") ? "GRUB" : text.includes("LILO") ? "LILO" : undefined;
}

function devicePath(sysfsName: string): string {
  return `/dev/${sysfsName.replaceAll("!", "/")}`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.trim() ?? "";
}

/** Drops absent and empty values, as exactOptionalPropertyTypes wants it. */
export function present<K extends string>(
  values: Readonly<Record<K, string | undefined>>,
): { [P in K]?: string } {
  const kept: { [P in K]?: string } = {};
  for (const key of Object.keys(values) as K[]) {
    const value = values[key]?.trim();
    if (value !== undefined && value !== "") {
      kept[key] = value;
    }
  }
  return kept;
}
