/**
 * Opens a disk with arrays and volume groups in a small virtual machine: they are assembled there, their filesystems checked and mounted
 * read-only by the fstab of the system on them, and the tree comes back as a tar. It is a stranger's, and is treated as one.
 */
import { truncate } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import { quoteArgv, type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import type { GoldenFacts } from "../capture/facts.ts";
import { parseProbe } from "../capture/golden-facts.ts";
import { probeCommand } from "../capture/probe.ts";
import type { ListedEntry } from "../entry.ts";
import { ListingDecoder, listSpecialCommand } from "../sync/listing.ts";
import { diskFacts } from "./disk-facts.ts";
import { type RawDisk, refuseWithoutRoom } from "./disk-file.ts";
import { checkCommand, finishCommand, judgeCheck } from "./filesystem-check.ts";
import { type DiskMachine, startMachine } from "./machine.ts";
import type { MachineSystem } from "./machine-system.ts";
import {
  type DiskPart,
  isReadable,
  nameOf,
  type PlannedMount,
  planMounts,
  readOnlyOptions,
  rootSubvolumes,
} from "./mount-plan.ts";
import type { DiskParts } from "./read-parts.ts";
import { type DiskStack, degradedNotes, machineDisk, stackParts } from "./stack-parts.ts";

export interface MachineTree {
  /** A tar of the tree. */
  readonly archive: string;
  /** What tar leaves out: sockets, and special files with several names. */
  readonly listed: readonly ListedEntry[];
  readonly facts: GoldenFacts;
  readonly notes: readonly string[];
}

export interface MachineTask {
  /** How the disk is named in messages. */
  readonly what: string;
  readonly disk: RawDisk;
  readonly found: DiskParts;
  readonly work: string;
  readonly system: MachineSystem;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressSink;
}

/** Reads the disk; the machine is off when this returns. */
export async function openInMachine(task: MachineTask): Promise<MachineTree> {
  task.onProgress?.({ phase: "start a virtual machine" });
  const machine = await startMachine({ ...task, disk: task.disk.file });
  try {
    return await readSystem(machine, task);
  } finally {
    await machine.close();
  }
}

async function readSystem(machine: DiskMachine, task: MachineTask): Promise<MachineTree> {
  const { what, found, onProgress } = task;
  onProgress?.({ phase: "assemble the disk's volumes" });
  const stack = await assemble(machine, what);
  const parts: readonly DiskPart[] = [...found.parts, ...stack.parts];
  const notes = [...degradedNotes(stack), ...(await checkAll(machine, { ...task, parts }))];
  const root = await mountRoot(machine, { what, parts });
  const seen = await look(machine);
  const plan = planMounts({
    fstab: seen.fstab,
    parts,
    root,
    hasFolder: (path) => seen.folders.has(path),
  });
  for (const planned of plan.mounts) {
    await mountPlanned(machine, planned, what);
  }
  const used = await usedBytes(machine, ["/", ...plan.mounts.map(({ at }) => `/${at}`)]);
  await refuseWithoutRoom(
    task.work,
    [...used.values()].reduce((sum, bytes) => sum + bytes, 0),
  );
  onProgress?.({ phase: "read the disk" });
  const listed = await listSpecial(machine, what);
  await copyTree(machine, { what, mounts: plan.mounts });
  const facts = diskFacts({
    bytes: task.disk.bytes,
    ...found,
    parts,
    stack,
    root,
    mounts: plan.mounts,
    used,
    ...seen,
  });
  return { archive: machine.spool, listed, facts, notes: [...notes, ...plan.notes] };
}

const assembleAll = trustedShell(`
printf 'DEVICE partitions\\nHOMEHOST <ignore>\\nAUTO +all\\n' >/run/mdadm.conf
mdadm --assemble --scan --run --config=/run/mdadm.conf
vgchange --activate y
:
`);

const arrayLinks = trustedShell(
  'for link in /dev/md/*; do [ -h "$link" ] && echo "$link $(readlink -f "$link")"; done; :',
);

async function assemble(machine: DiskMachine, what: string): Promise<DiskStack> {
  const { said } = await machine.run(assembleAll);
  const probed = parseProbe((await machine.run(probeCommand())).output);
  if (!probed.ok) {
    throw new AppError("io", `The virtual machine cannot be asked what ${what} holds: ${probed.error}`);
  }
  const missing = trustedShell("vgs --noheadings --separator '|' -o vg_name,vg_missing_pv_count");
  try {
    return stackParts(what, {
      facts: probed.value,
      arrayLinks: (await machine.run(arrayLinks)).output,
      arrayStates: (await machine.run(trustedShell("cat /proc/mdstat"))).output,
      missing: (await machine.run(missing)).output,
    });
  } catch (error) {
    throw error instanceof AppError && said !== ""
      ? new AppError(error.code, `${error.message} (${said.split("\n").slice(-3).join("; ")})`, error.details)
      : error;
  }
}

/** The name of a part's device in the machine. */
function deviceOf(part: DiskPart): string {
  return part.names === undefined
    ? `${machineDisk}${part.number === 0 ? "" : part.number}`
    : (part.filesystem?.device ?? part.device);
}

/** Checks every filesystem; what is written for that goes to the machine's temporary copy. */
async function checkAll(
  machine: DiskMachine,
  task: MachineTask & { readonly parts: readonly DiskPart[] },
): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const part of task.parts.filter(isReadable)) {
    const type = part.filesystem?.type ?? "";
    const device = deviceOf(part);
    task.onProgress?.({ phase: "check filesystems", message: nameOf(part) });
    const check = async () => {
      const { code, output, said } = await machine.run(quoteArgv([...checkCommand(type), device]));
      return judgeCheck({ code, text: `${output}\n${said}` });
    };
    const first = await check();
    if (first === undefined) {
      continue;
    }
    if (first.unfinished) {
      await machine.run(quoteArgv([...finishCommand(type), device]));
    }
    const problem = first.unfinished ? await check() : first;
    if (problem !== undefined) {
      throw new AppError(
        "hostile",
        `Refused ${task.what}: the filesystem of ${nameOf(part)} (${type}) is damaged: ${problem.said}`,
        { hint: "Repair it where the disk is at home, and import it again." },
      );
    }
    notes.push(
      `the filesystem of ${nameOf(part)} was not unmounted cleanly; its journal was played back on a copy`,
    );
  }
  return notes;
}

/** Mounts the part that holds a system: the one with /etc/fstab, or where there is none, with programs. */
async function mountRoot(
  machine: DiskMachine,
  task: { readonly what: string; readonly parts: readonly DiskPart[] },
): Promise<DiskPart> {
  const candidates = task.parts.filter((part) => isReadable(part) && part.filesystem?.type !== "vfat");
  for (const wanted of ["etc/fstab", "usr/bin"]) {
    for (const part of candidates) {
      for (const subvolume of rootSubvolumes(part)) {
        const mounted = await machine.run(mountCommand(part, { at: "", subvolume }));
        if (mounted.code !== 0) {
          if (subvolume === undefined) {
            throw cannotMount(part, mounted.said);
          }
          continue;
        }
        if ((await machine.run(sh`[ -e ${`/sysroot/${wanted}`} ]`)).code === 0) {
          return part;
        }
        await machine.run(trustedShell("umount /sysroot"));
      }
    }
  }
  const seen = task.parts.map((part) => `${nameOf(part)}: ${part.filesystem?.type ?? "unknown"}`);
  throw new AppError("bad-input", `${task.what} holds no Linux system: ${seen.join(", ")}`);
}

function mountCommand(
  part: DiskPart,
  to: { readonly at: string; readonly subvolume: string | undefined },
): ShellText {
  const options = readOnlyOptions(part, to.subvolume);
  const type = part.filesystem?.type ?? "";
  return quoteArgv(["mount", "-t", type, "-o", options, deviceOf(part), `/sysroot/${to.at}`]);
}

function cannotMount(part: DiskPart, said: string): AppError {
  return new AppError("io", `Cannot mount ${nameOf(part)} (${part.filesystem?.type}): ${said}`);
}

async function mountPlanned(machine: DiskMachine, planned: PlannedMount, what: string): Promise<void> {
  const { part, at, subvolume } = planned;
  // A name on the way that is a link leads to another folder than the one that is listed.
  const real = sh`cd /sysroot && [ "$(realpath ${`./${at}`})" = ${`/sysroot/${at}`} ] && [ -d ${`./${at}`} ]`;
  if ((await machine.run(real)).code !== 0) {
    throw new AppError("hostile", `Refused ${what}: its mount point /${escapePath(at)} is no directory`);
  }
  const { code, said } = await machine.run(mountCommand(part, { at, subvolume }));
  if (code !== 0) {
    throw cannotMount(part, said);
  }
}

interface SeenSystem {
  readonly fstab: string;
  readonly osRelease: string;
  readonly hostname: string;
  readonly kernels: readonly string[];
  readonly folders: ReadonlySet<string>;
}

/** Small texts of the system; no link is followed. */
async function look(machine: DiskMachine): Promise<SeenSystem> {
  const text = async (path: string) => {
    const file = `/sysroot/${path}`;
    const { output } = await machine.run(sh`[ -f ${file} ] && [ ! -h ${file} ] && head -c 1048576 ${file}`);
    return output;
  };
  const names = trustedShell(
    'cd /sysroot && for folder in lib/modules usr/lib/modules; do [ -d "$folder" ] && ls -1 "$folder"; done; :',
  );
  const folders = trustedShell(
    'cd /sysroot && for folder in boot/efi efi; do [ -d "$folder" ] && echo "$folder"; done; :',
  );
  return {
    fstab: await text("etc/fstab"),
    osRelease: (await text("usr/lib/os-release")) || (await text("etc/os-release")),
    hostname: (await text("etc/hostname")).trim(),
    kernels: [...new Set(lines((await machine.run(names)).output))].sort((a, b) => (a < b ? -1 : 1)),
    folders: new Set(lines((await machine.run(folders)).output)),
  };
}

async function usedBytes(
  machine: DiskMachine,
  points: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const used = new Map<string, number>();
  for (const point of points) {
    const { output } = await machine.run(sh`df -B1 --output=used ${`/sysroot${point}`}`);
    const bytes = Number(lines(output).at(-1));
    used.set(point, Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : 0);
  }
  return used;
}

async function listSpecial(machine: DiskMachine, what: string): Promise<readonly ListedEntry[]> {
  const { output } = await machine.run(listSpecialCommand("/sysroot"));
  const decoder = new ListingDecoder();
  const listed = decoder.write(Buffer.from(output, "latin1"));
  if (!listed.ok) {
    throw new AppError("hostile", `Refused ${what}: ${listed.error.message}`);
  }
  return listed.value;
}

/** As {@link tarCommand} of the server's own trees, of everything: XFS shows its ACLs a second time, under a name of its own. */
const tarWords = [
  ...["tar", "--create", "--file=/dev/vdb", "--format=posix", "--pax-option=delete=atime,delete=ctime"],
  ...["--numeric-owner", "--sparse", "--quoting-style=escape", "--xattrs", "--xattrs-include=*"],
  ...["--xattrs-exclude=trusted.SGI_ACL_*", "--blocking-factor=64", "--totals", "--anchored"],
  "--no-wildcards",
];

async function copyTree(
  machine: DiskMachine,
  task: { readonly what: string; readonly mounts: readonly PlannedMount[] },
): Promise<void> {
  const excluded = ["", ...task.mounts.map(({ at }) => `${at}/`)].map((at) => `--exclude=./${at}lost+found`);
  const words = quoteArgv([...tarWords, ...excluded, "."]);
  const { code, said } = await machine.run(sh`cd /sysroot && ${{ raw: words }} && sync`);
  const total = Number(/^Total bytes written: (\d+)/m.exec(said)?.[1]);
  const problems = lines(said).filter((line) => !/^Total bytes|socket ignored$/.test(line));
  if (code !== 0 || problems.length > 0 || !Number.isSafeInteger(total)) {
    throw new AppError(
      "io",
      `${task.what} cannot be read in the virtual machine: ${problems.slice(-3).join("; ")}`,
      {
        hint: "Is there room in the state folder for the tree twice?",
      },
    );
  }
  await truncate(machine.spool, total);
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
