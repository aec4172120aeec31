/** The partition table of a raw disk, and what is on each partition. Nothing is mounted for that. */
import { symlink } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { runProcess } from "../../base/process.ts";
import { byteSize } from "../../base/quantity.ts";
import { type PartitionTable, parseBlkid, parseSfdiskDump } from "../capture/disk-tables.ts";
import { headOf, type RawDisk } from "./disk-file.ts";
import { gptEnd } from "./gpt-end.ts";
import type { DiskPart } from "./mount-plan.ts";

export interface DiskParts {
  readonly table: PartitionTable;
  /** Those that hold something; one with the number 0 where there is no table. */
  readonly parts: readonly DiskPart[];
  /** The first 440 bytes, in od's hexadecimal. */
  readonly bootCode: string;
}

/** Reads the table of `disk`; `what` is how the file is named in messages. Refuses a disk that is shorter than its table says. */
export async function readParts(
  disk: RawDisk,
  options: { readonly what: string; readonly work: string; readonly signal?: AbortSignal },
): Promise<DiskParts> {
  const { what } = options;
  const head = await headOf(disk.file, 4096);
  // Before sfdisk, which takes a GPT for foreign whose end it cannot find.
  const end = gptEnd(head);
  if (end !== undefined && end > disk.bytes) {
    throw cutShort(`its partition table says that it ends at byte ${end}`, { what, bytes: disk.bytes });
  }
  const table = await readTable(disk, options);
  for (const { number, start, size } of table.partitions) {
    if (start + size > disk.bytes) {
      throw cutShort(`partition ${number} reaches to byte ${start + size}`, { what, bytes: disk.bytes });
    }
  }
  const whole = {
    number: 0,
    device: "",
    start: byteSize(0),
    size: byteSize(disk.bytes),
    type: "",
    bootable: false,
  };
  const stretches =
    table.label === undefined ? [whole] : table.partitions.filter(({ type }) => !isExtended(type));
  const parts: DiskPart[] = [];
  for (const stretch of stretches) {
    const probe = [
      "blkid",
      "-p",
      `--offset=${stretch.start}`,
      `--size=${stretch.size}`,
      "-o",
      "export",
      disk.file,
    ];
    const { stdout } = await run(probe, options);
    const [found] = parseBlkid(stdout);
    parts.push(found === undefined ? stretch : { ...stretch, filesystem: found });
  }
  return { table, parts, bootCode: Buffer.from(head.subarray(0, 440)).toString("hex") };
}

/** sfdisk names partitions after the file; the name given here is a device's, and free of blanks. */
async function readTable(
  disk: RawDisk,
  options: { readonly work: string; readonly signal?: AbortSignal },
): Promise<PartitionTable> {
  const link = `${options.work}/disk`;
  await symlink(disk.file, link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") {
      throw error;
    }
  });
  const { code, stdout, stderr } = await run(["sfdisk", "--dump", link], options);
  if (code !== 0 && !/does not contain a recognized partition table/.test(stderr)) {
    throw new AppError("hostile", `Refused the disk: its partition table cannot be read: ${stderr.trim()}`);
  }
  const text = stdout.replaceAll(/^.*\/disk(\d+)(?= *:)/gm, "/dev/sda$1");
  return parseSfdiskDump(text, {
    device: "/dev/sda",
    size: disk.bytes,
    logicalSector: 512,
    physicalSector: 512,
    readOnly: false,
    removable: false,
    rotational: false,
    partitions: [],
  });
}

async function run(argv: readonly string[], options: { readonly signal?: AbortSignal }) {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { code, stdout, stderr } = await runProcess(argv, signal);
  return { code, stdout: Buffer.from(stdout).toString("latin1"), stderr };
}

function isExtended(type: string): boolean {
  return ["5", "f", "05", "0f", "85"].includes(type);
}

function cutShort(why: string, file: { readonly what: string; readonly bytes: number }): AppError {
  return new AppError("hostile", `Refused ${file.what}: it is cut short at byte ${file.bytes}: ${why}`, {
    fields: { file: file.what, offset: file.bytes },
  });
}
