/**
 * A disk's way into the virtual machine: which disks this server's own kernel does not open, and the tree of one that was opened there.
 */
import { mkdir } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { runProcess } from "../../base/process.ts";
import type { RawDisk } from "./disk-file.ts";
import type { MachineSystem } from "./machine-system.ts";
import { type DiskPart, isOpenedInMachine, isReadable, nameOf, stackOf } from "./mount-plan.ts";
import { openInMachine } from "./open-in-machine.ts";
import type { OpenDisk, OpenDiskOptions } from "./opened-disk.ts";
import type { DiskParts } from "./read-parts.ts";

export interface FoundDisk {
  /** How the disk is named in messages. */
  readonly what: string;
  readonly disk: RawDisk;
  readonly found: DiskParts;
  readonly options: OpenDiskOptions;
}

/**
 * Opens the disk in a virtual machine where that is the way; undefined where the server can do it by itself. `refused` where a machine
 * would be needed and there is none, or not even that would help.
 */
export async function openByMachine(task: FoundDisk): Promise<OpenDisk | undefined> {
  const { what, found, options } = task;
  const stacked = found.parts.find((part) => stackOf(part) !== undefined);
  if (stacked !== undefined && (!isOpenedInMachine(stacked) || options.machine === undefined)) {
    throw closed(what, stacked);
  }
  const why = stacked === undefined ? await unknownType(found.parts) : stackOf(stacked);
  return why === undefined || options.machine === undefined
    ? undefined
    : await readInMachine({ ...task, why, machine: options.machine });
}

function closed(file: string, part: DiskPart): AppError {
  return new AppError("refused", `Cannot import ${file}: ${nameOf(part)} is part of ${stackOf(part)}`, {
    hint: "Start the machine and capture it (ingot capture), or copy its filesystems out and import the folder.",
  });
}

/** The type of a filesystem that is sound and that this server's kernel does not know; mtools reads vfat without it. */
async function unknownType(parts: readonly DiskPart[]): Promise<string | undefined> {
  const types = new Set(parts.filter(isReadable).map(({ filesystem }) => filesystem?.type ?? ""));
  types.delete("vfat");
  for (const type of types) {
    const known = ["sh", "-c", 'grep -qw "$1" /proc/filesystems || modprobe -q "$1"', "sh", type];
    if ((await runProcess(known)).code !== 0) {
      return type;
    }
  }
  return undefined;
}

async function readInMachine(
  task: FoundDisk & { readonly why: string; readonly machine: () => Promise<MachineSystem> },
): Promise<OpenDisk> {
  const work = `${task.options.work}/machine`;
  await mkdir(work);
  try {
    const tree = await openInMachine({ ...task.options, ...task, work, system: await task.machine() });
    return {
      tree: { kind: "archive", file: tree.archive, listed: tree.listed },
      facts: tree.facts,
      notes: tree.notes,
      close: async () => undefined,
    };
  } catch (error) {
    throw error instanceof AppError && (error.code === "missing-tool" || error.code === "not-found")
      ? new AppError(
          error.code,
          `${task.what} holds ${task.why}, which is read in a virtual machine: ${error.message}`,
          error.details,
        )
      : error;
  }
}
