/** `lsblk --json`: a tree of disks, partitions and what lies on them. Columns that were not asked for are done without. */
import { byteSize } from "../../base/quantity.ts";
import type { FilesystemFacts } from "../../images/capture/facts.ts";
import { parsePartitionDevice } from "./device-name.ts";
import type { Dump, DumpedDisk, DumpedPartition } from "./dump-disk.ts";

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function text(node: Json, name: string): string | undefined {
  const value = node[name];
  return typeof value === "string" && value !== ""
    ? value
    : typeof value === "number"
      ? String(value)
      : undefined;
}

/** Bytes, or lsblk's short form in powers of 1024. */
function bytes(node: Json, name: string): number {
  const match = /^([\d.]+)([KMGTP]?)$/.exec(text(node, name) ?? "");
  const power = ["", "K", "M", "G", "T", "P"].indexOf(match?.[2] ?? "");
  return match === null ? 0 : Math.round(Number(match[1]) * 1024 ** power);
}

function deviceOf(node: Json): string {
  return text(node, "path") ?? `/dev/${(text(node, "name") ?? "").replaceAll("!", "/")}`;
}

function typeOf(node: Json, gpt: boolean): string {
  const told = text(node, "parttype")?.toLowerCase().replace(/^0x/, "");
  const swap = text(node, "fstype") === "swap";
  const usual = gpt
    ? swap
      ? "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
      : "0fc63daf-8483-4772-8e79-3d69d8477de4"
    : swap
      ? "82"
      : "83";
  return told ?? usual;
}

function partitionsOf(disk: Json, gpt: boolean): readonly DumpedPartition[] {
  return objects(disk.children).flatMap((node) => {
    const number = parsePartitionDevice(deviceOf(node))?.number;
    const name = text(node, "partlabel");
    return number === undefined || text(node, "type") !== "part"
      ? []
      : [
          {
            number,
            start: (Number(text(node, "start")) || 0) * 512,
            size: bytes(node, "size"),
            type: typeOf(node, gpt),
            bootable: text(node, "partflags")?.toLowerCase() === "0x80",
            ...(name === undefined ? {} : { name }),
          },
        ];
  });
}

function flatten(node: Json, depth = 0): readonly Json[] {
  return depth > 16 ? [] : [node, ...objects(node.children).flatMap((child) => flatten(child, depth + 1))];
}

/** Reads the JSON; undefined where there is no disk in it. */
export function parseLsblkDump(json: string): Dump | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const nodes = isObject(value) ? objects(value.blockdevices) : [];
  const disks = nodes
    .filter((node) => text(node, "type") === "disk")
    .map((node): DumpedDisk => {
      const told = text(node, "pttype");
      const gpt = told === undefined ? objects(node.children).some(isGptPartition) : told === "gpt";
      return {
        device: deviceOf(node),
        size: bytes(node, "size"),
        sector: Number(text(node, "log-sec")) || 512,
        label: gpt ? "gpt" : "msdos",
        partitions: partitionsOf(node, gpt),
      };
    });
  const filesystems = nodes.flatMap((node) => flatten(node)).flatMap(filesystemOf);
  return disks.length === 0 ? undefined : { disks, filesystems };
}

function isGptPartition(node: Json): boolean {
  return (text(node, "parttype") ?? "").length === 36;
}

function filesystemOf(node: Json): readonly FilesystemFacts[] {
  const type = text(node, "fstype");
  const uuid = text(node, "uuid");
  const label = text(node, "label");
  const mountPoint = text(node, "mountpoint");
  const used = bytes(node, "fsused");
  return type === undefined
    ? []
    : [
        {
          device: deviceOf(node),
          type,
          ...(uuid === undefined ? {} : { uuid }),
          ...(label === undefined ? {} : { label }),
          ...(mountPoint === undefined ? {} : { mountPoint }),
          ...(used === 0 ? {} : { used: byteSize(used) }),
        },
      ];
}
