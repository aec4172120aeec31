/**
 * Which labs there are. Each has a folder `LABS/ID` with a file `owner` that names the process it belongs to; its namespace is
 * named after the id. A lab whose owner is dead is debris and is removed by the next one that starts; nothing else is touched.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { closeNetwork, namespacePids } from "./network.ts";
import { killProcesses, processStart, run } from "./run.ts";

// Disks are gigabytes and image trees need extended attributes: not for a /tmp that lives in memory.
const labs = process.env.INGOT_LAB_DIR ?? "/var/tmp";
const prefix = "ingot-lab-";

export interface LabPlace {
  readonly id: string;
  readonly folder: string;
  readonly namespace: string;
}

/** Makes a lab's folder, owned by this process. */
export function registerLab(): LabPlace {
  const folder = mkdtempSync(join(labs, prefix));
  const place = placeOf(folder);
  writeFileSync(join(folder, "owner"), `${process.pid} ${processStart(process.pid)}\n`);
  return place;
}

/** Writes down a process that a lab started, so that it can be found when the lab's owner is gone. */
export function registerProcess(place: LabPlace, pid: number): void {
  appendFileSync(join(place.folder, "processes"), `${pid} ${processStart(pid)}\n`);
}

/** Lets a lab outlive this process: it is debris no more, and goes only when asked for. */
export function keepLab(place: LabPlace): void {
  writeFileSync(join(place.folder, "owner"), "kept\n");
}

/** The labs on this machine that match: those whose owner is dead, or those that were kept. */
export function findLabs(which: "dead" | "kept"): readonly LabPlace[] {
  return readdirSync(labs)
    .filter((name) => name.startsWith(prefix))
    .map((name) => placeOf(join(labs, name)))
    .filter((place) => stateOf(place) === which);
}

/**
 * Removes everything a lab made: its processes, namespace, mounts, loop devices and folder. Each step is tried; what could not be
 * removed is told at the end.
 */
export async function removeLab(place: LabPlace): Promise<void> {
  await killProcesses([...registeredPids(place), ...(await namespacePids(place.namespace))]);
  await closeNetwork(place.namespace);
  const mounts = mountsUnder(place.folder);
  for (const mount of mounts) {
    // Not --recursive: the list has every mount, deepest first.
    await run(["umount", "--", mount], { allowFailure: true });
  }
  for (const mount of mountsUnder(place.folder)) {
    await run(["umount", "--lazy", "--", mount], { allowFailure: true });
  }
  await detachLoops(place.folder);
  const left = mountsUnder(place.folder);
  if (left.length > 0) {
    throw new Error(`Left in place, because it is still mounted: ${left.join(", ")}`);
  }
  rmSync(place.folder, { recursive: true, force: true, maxRetries: 3 });
}

function placeOf(folder: string): LabPlace {
  const id = basename(folder).slice(prefix.length);
  return { id, folder, namespace: `${prefix}${id}` };
}

function stateOf(place: LabPlace): "alive" | "dead" | "kept" {
  const file = join(place.folder, "owner");
  const owner = existsSync(file) ? readFileSync(file, "latin1").trim() : undefined;
  if (owner === "kept") {
    return "kept";
  }
  const [pid, start] = (owner ?? "").split(" ");
  // A folder without an owner is one that is being made right now.
  return owner === undefined || processStart(Number(pid)) === start ? "alive" : "dead";
}

/** Those of a lab's processes that still run: an id that was given to another process meanwhile has another start. */
function registeredPids(place: LabPlace): readonly number[] {
  const file = join(place.folder, "processes");
  const lines = existsSync(file) ? readFileSync(file, "latin1").split("\n") : [];
  return lines
    .map((line) => line.split(" "))
    .filter(([pid, start]) => start !== undefined && processStart(Number(pid)) === start)
    .map(([pid]) => Number(pid));
}

/** Mount points in a folder, deepest first. */
function mountsUnder(folder: string): readonly string[] {
  return (
    readFileSync("/proc/self/mountinfo", "latin1")
      .split("\n")
      // proc(5): blanks and backslashes in a mount point are written as octal.
      .map((line) => (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) => octalChar(octal)))
      .filter((mount) => mount.startsWith(`${folder}/`))
      .reverse()
  );
}

function octalChar(octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

async function detachLoops(folder: string): Promise<void> {
  const { stdout } = await run(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], {
    allowFailure: true,
  });
  for (const line of stdout.split("\n")) {
    const [, device, file] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (device !== undefined && file?.startsWith(`${folder}/`)) {
      await run(["losetup", "--detach", device], { allowFailure: true });
    }
  }
}

/** Makes a folder in a lab. */
export function labFolder(place: LabPlace, name: string): string {
  const folder = join(place.folder, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
