/** Draws a layout for a terminal: a bar to scale per disk, and a line per partition. */
import { formatByteSize } from "../../base/quantity.ts";
import { partitionDevice } from "./device-name.ts";
import { formatSize } from "./encode.ts";
import type { FittedLayout } from "./fit.ts";
import {
  type DiskLayout,
  filesystemLabel,
  installedEntries,
  type LayoutDisk,
  type LayoutPartition,
} from "./model.ts";
import { defaultBytes, entryOn, partitionRole } from "./role.ts";
import {
  above,
  arrayMembers,
  canonicalDevice,
  cryptDevice,
  groupMembers,
  setting,
  volumeDevice,
  volumeGroups,
} from "./stack.ts";
import { raidLevel } from "./stack-size.ts";

export interface DrawOptions {
  /** Characters in a line. */
  readonly width?: number;
  /** The layout worked out for a machine's disks: real sizes and names stand beside the layout's. */
  readonly fitted?: FittedLayout;
}

interface Cell {
  readonly text: string;
  readonly weight: number;
}

/** Shares the bar's width by weight; every cell gets at least three characters. */
function bar(cells: readonly Cell[], width: number): string {
  const total = cells.reduce((sum, { weight }) => sum + weight, 0) || 1;
  const room = Math.max(width - cells.length - 1, cells.length * 3);
  const least = 3;
  const spare = room - cells.length * least;
  const parts = cells.map(({ text, weight }) => {
    const length = least + Math.floor((spare * weight) / total);
    return text.slice(0, length).padEnd(length, " ");
  });
  return `|${parts.join("|")}|`;
}

function sizeText(disk: LayoutDisk, partition: LayoutPartition): string {
  const text = formatSize(partition.size);
  if (partition.size.kind === "rest") {
    return "rest";
  }
  return disk.unit === "%" ? `${text} %` : `${text} ${disk.unit}`;
}

function weightOf(layout: DiskLayout, disk: LayoutDisk, partition: LayoutPartition): number {
  if (partition.size.kind === "amount") {
    return partition.size.value;
  }
  const known = disk.partitions.reduce((sum, { size }) => sum + (size.kind === "amount" ? size.value : 0), 0);
  const role = partitionRole(layout, { disk, partition });
  return disk.unit === "%"
    ? Math.max(1, 100 - known)
    : Math.max(known / 2, defaultBytes(role, "/") / 1_000_000);
}

function visible(text: string): string {
  return [...text].map((one) => ((one.codePointAt(0) ?? 0) < 0x20 || one === "\u007f" ? "?" : one)).join("");
}

/** The array, group or encrypted volume that a partition belongs to. */
function ownerOf(layout: DiskLayout, partition: LayoutPartition, device: string): string | undefined {
  return partition.volumeGroup ?? above(layout, device)[0];
}

/** `  /dev/md0  raid1 of /dev/sda1 /dev/sdb1  ext4  /boot`: what is made on partitions, with what lies on it. */
function drawStack(layout: DiskLayout): readonly string[] {
  const onto = (device: string) => {
    const entry = installedEntries(layout).find((one) => canonicalDevice(layout, one.device) === device);
    return entry === undefined
      ? (above(layout, device)[0] ?? "-")
      : `${entry.filesystem}  ${entry.mountPoint}`;
  };
  const arrays = layout.raids.map((raid) => {
    const device = canonicalDevice(layout, raid.name);
    const shape = `RAID ${raidLevel(raid) ?? "?"} of ${arrayMembers(layout, raid).join(" ")}`;
    const group = setting(raid, "lvm_group");
    return `${device}  ${shape}  ${group ?? onto(device)}`;
  });
  const crypts = layout.crypts.map(
    (crypt) => `${cryptDevice(crypt)}  encrypted, on ${crypt.device}  ${onto(cryptDevice(crypt))}`,
  );
  const groups = volumeGroups(layout).flatMap((group) => [
    `${group.name}  volume group on ${groupMembers(layout, group.name).join(" ")}`,
    ...group.volumes.map((volume) => {
      const device = volumeDevice(group, volume);
      return `  ${device}  ${volume.size === "*" ? "rest" : volume.size}  ${onto(device)}`;
    }),
  ]);
  return [...arrays, ...crypts, ...groups].map(visible);
}

function drawDisk(layout: DiskLayout, disk: LayoutDisk, options: DrawOptions): readonly string[] {
  const fitted = options.fitted?.disks.find(({ from }) => from === disk.device);
  const here =
    fitted === undefined ? "" : ` -> ${fitted.device}, ${formatByteSize(fitted.sizeMib * 1024 ** 2)}`;
  const order = [...disk.partitions].sort((a, b) => a.number - b.number);
  const rows = order.map((partition) => {
    const real = fitted?.partitions.find(({ number }) => number === partition.number);
    const entry = entryOn(layout, { disk: disk.device, number: partition.number });
    const label = entry === undefined ? undefined : filesystemLabel(entry);
    const shown = partitionDevice(fitted?.device ?? disk.device, partition.number);
    const device = partitionDevice(disk.device, partition.number);
    const flags = partition.type === "primary" ? partition.flags : [partition.type, ...partition.flags];
    return {
      partition,
      weight: real?.sizeMib ?? weightOf(layout, disk, partition),
      columns: [
        shown,
        real === undefined ? sizeText(disk, partition) : formatByteSize(real.sizeMib * 1024 ** 2),
        entry?.filesystem ?? "-",
        entry?.mountPoint ?? ownerOf(layout, partition, device) ?? "-",
        label === undefined ? "" : `LABEL=${label}`,
        flags.join(","),
      ].map(visible),
    };
  });
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(0, ...rows.map(({ columns }) => (columns[column] ?? "").length)),
  );
  const cells = rows
    .filter(({ partition }) => partition.type !== "extended")
    .map(({ weight, partition, columns }) => {
      const name = columns[3] === "-" || columns[3] === "none" ? columns[2] : columns[3];
      return { weight, text: ` ${partition.number} ${name}` };
    });
  return [
    `${visible(disk.device)} (${visible(disk.label) || "no label"})${here}`,
    cells.length === 0 ? "| no partitions |" : bar(cells, options.width ?? 80),
    ...rows.map(({ columns }) =>
      `  ${columns.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
    ),
  ];
}

/** Draws all disks of a layout, then what is mounted from elsewhere. */
export function drawLayout(layout: DiskLayout, options: DrawOptions = {}): string {
  const disks = layout.disks.map((disk) => drawDisk(layout, disk, options).join("\n"));
  const stack = drawStack(layout).join("\n");
  const text = [...disks, ...(stack === "" ? [] : [stack])].join("\n\n");
  return text === "" ? "The layout has no disks\n" : `${text}\n`;
}
