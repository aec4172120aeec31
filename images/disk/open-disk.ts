/**
 * Opens a disk image from elsewhere as a tree: its partitions are found, its filesystems checked, then mounted read-only
 * where nobody else sees them, in the places that the fstab of the system on it says.
 */
import { closeSync, readSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { GoldenFacts } from "../capture/facts.ts";
import { TreeRoot } from "../tree/root.ts";
import { filesystemProblem, finishFilesystem } from "./check-filesystem.ts";
import { diskFacts } from "./disk-facts.ts";
import { openDiskFile, ownCopy, type RawDisk } from "./disk-file.ts";
import { openByMachine } from "./disk-to-machine.ts";
import { type MountNamespace, openMountNamespace } from "./mount-namespace.ts";
import {
  type DiskPart,
  isReadable,
  type MountPlan,
  planMounts,
  readOnlyOptions,
  rootSubvolumes,
} from "./mount-plan.ts";
import type { OpenDisk, OpenDiskOptions } from "./opened-disk.ts";
import { type DiskParts, readParts } from "./read-parts.ts";

/** Opens `file` (an absolute path on the server): raw or qcow2, also compressed. */
export async function openDisk(file: string, options: OpenDiskOptions): Promise<OpenDisk> {
  const opened = await openDiskFile(file, options);
  const found = await readParts(opened, { ...options, what: file });
  const byMachine = await openByMachine({ what: file, disk: opened, found, options });
  if (byMachine !== undefined) {
    return byMachine;
  }
  const { disk, notes } = await soundDisk(opened, { file, found, options });
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const namespace = await openMountNamespace(signal);
  try {
    const mounted = await mountSystem(namespace, { file, disk, found, options });
    return {
      tree: { kind: "folder", root: mounted.root },
      facts: mounted.facts,
      notes: [...notes, ...mounted.plan.notes],
      close: () => namespace.close(),
    };
  } catch (error) {
    await namespace.close();
    throw error;
  }
}

/** Checks every filesystem. One that was not unmounted is finished on a copy; what is damaged then is refused. */
async function soundDisk(
  opened: RawDisk,
  task: { readonly file: string; readonly found: DiskParts; readonly options: OpenDiskOptions },
): Promise<{ readonly disk: RawDisk; readonly notes: readonly string[] }> {
  const { options } = task;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const notes: string[] = [];
  let disk = opened;
  for (const part of task.found.parts.filter(isReadable)) {
    options.onProgress?.({ phase: "check filesystems", message: `partition ${part.number}` });
    const first = await filesystemProblem({ file: disk.file, part, ...signal });
    if (first === undefined) {
      continue;
    }
    const named = part.number === 0 ? "the filesystem" : `the filesystem of partition ${part.number}`;
    let problem: typeof first | undefined = first;
    if (first.unfinished) {
      disk = await ownCopy(disk, options);
      await finishFilesystem({ file: disk.file, part, ...signal });
      problem = await filesystemProblem({ file: disk.file, part, ...signal });
    }
    if (problem !== undefined) {
      throw new AppError(
        "hostile",
        `Refused ${task.file}: ${named} (${part.filesystem?.type}, from byte ${part.start}) is damaged: ${problem.said}`,
        { hint: "Repair it where the disk is at home, and import it again.", fields: { offset: part.start } },
      );
    }
    notes.push(`${named} was not unmounted cleanly; its journal was played back on a copy`);
  }
  return { disk, notes };
}

interface System {
  readonly root: string;
  readonly facts: GoldenFacts;
  readonly plan: MountPlan;
}

async function mountSystem(
  namespace: MountNamespace,
  task: {
    readonly file: string;
    readonly disk: RawDisk;
    readonly found: DiskParts;
    readonly options: OpenDiskOptions;
  },
): Promise<System> {
  const { disk, found } = task;
  const folder = `${task.options.work}/mounted`;
  await mkdir(folder);
  const root = namespace.outside(folder);
  const mount = (part: DiskPart, at: { readonly folder: string; readonly subvolume?: string }) =>
    mountPart(namespace, { disk, part, ...at });
  const system = await mountRoot(namespace, { ...task, folder });
  const tree = new TreeRoot(root);
  try {
    const fstab = readText(tree, "etc/fstab");
    const hasFolder = (path: RelPath) => tree.lstat(path)?.kind === "directory";
    const plan = planMounts({ fstab, parts: found.parts, root: system, hasFolder });
    const used = new Map([["/", await usedBytes(root)]]);
    for (const planned of plan.mounts) {
      // A name on the way that is a link leads to another folder than the one that is listed.
      if (!isRealFolder(root, planned.at)) {
        throw new AppError("hostile", `Refused ${task.file}: its mount point /${planned.at} is no directory`);
      }
      await mount(planned.part, {
        folder: `${folder}/${planned.at}`,
        ...(planned.subvolume === undefined ? {} : { subvolume: planned.subvolume }),
      });
      used.set(`/${planned.at}`, await usedBytes(`${root}/${planned.at}`));
    }
    const facts = diskFacts({
      bytes: disk.bytes,
      ...found,
      root: system,
      mounts: plan.mounts,
      used,
      fstab,
      osRelease: readText(tree, "usr/lib/os-release") || readText(tree, "etc/os-release"),
      hostname: readText(tree, "etc/hostname").trim(),
      kernels: [...namesIn(tree, "lib/modules"), ...namesIn(tree, "usr/lib/modules")].sort((a, b) =>
        a < b ? -1 : 1,
      ),
    });
    return { root, facts, plan };
  } finally {
    tree.close();
  }
}

/** Mounts the part that holds a system: the one with /etc/fstab, or where there is none, /etc and /usr. */
async function mountRoot(
  namespace: MountNamespace,
  task: {
    readonly file: string;
    readonly disk: RawDisk;
    readonly found: DiskParts;
    readonly folder: string;
  },
): Promise<DiskPart> {
  const { file, disk, found, folder } = task;
  const candidates = found.parts.filter((part) => isReadable(part) && part.filesystem?.type !== "vfat");
  for (const wanted of ["etc/fstab", "usr/bin"] as RelPath[]) {
    for (const part of candidates) {
      for (const subvolume of rootSubvolumes(part)) {
        const at = { disk, part, folder, ...(subvolume === undefined ? {} : { subvolume, optional: true }) };
        if (!(await mountPart(namespace, at))) {
          continue;
        }
        const tree = new TreeRoot(namespace.outside(folder));
        const found = tree.lstat(wanted) !== undefined;
        tree.close();
        if (found) {
          return part;
        }
        await namespace.run(["umount", folder]);
      }
    }
  }
  throw new AppError("bad-input", `${file} holds no Linux system: ${describe(found.parts)}`);
}

function describe(parts: readonly DiskPart[]): string {
  const seen = parts.map(({ number, filesystem }) => `partition ${number}: ${filesystem?.type ?? "unknown"}`);
  return seen.length === 0 ? "it has no partitions" : seen.join(", ");
}

async function mountPart(
  namespace: MountNamespace,
  mount: {
    readonly disk: RawDisk;
    readonly part: DiskPart;
    readonly folder: string;
    readonly subvolume?: string;
    /** A mount that fails is told by `false`. */
    readonly optional?: boolean;
  },
): Promise<boolean> {
  const { disk, part, subvolume } = mount;
  const type = part.filesystem?.type ?? "";
  const place = `loop,offset=${part.start},sizelimit=${part.size}`;
  const options = `${place},${readOnlyOptions(part, subvolume)}`;
  const { code, said } = await namespace.run(["mount", "-t", type, "-o", options, disk.file, mount.folder]);
  if (code === 0) {
    return true;
  }
  if (type === "vfat" && (await copyFat(namespace, mount))) {
    return true;
  }
  if (mount.optional !== true) {
    throw new AppError("io", `Cannot mount partition ${part.number} (${type}): ${said}`, {
      hint:
        type === "vfat"
          ? "Install mtools, or start a kernel that knows vfat."
          : `This server's kernel may not know ${type}.`,
    });
  }
  return false;
}

/** Server kernels without vfat are common in the cloud; mtools reads it all the same. True where that worked. */
async function copyFat(
  namespace: MountNamespace,
  from: { readonly disk: RawDisk; readonly part: DiskPart; readonly folder: string },
): Promise<boolean> {
  const { disk, part, folder } = from;
  const made = await namespace.run([
    "mount",
    "-t",
    "tmpfs",
    "-o",
    "mode=755,nosuid,nodev,noexec",
    "fat",
    folder,
  ]);
  const image = `${disk.file}@@${part.start}`;
  const copy = [
    "env",
    "MTOOLS_SKIP_CHECK=1",
    "TZ=UTC",
    "mcopy",
    "-i",
    image,
    "-s",
    "-m",
    "-n",
    "-Q",
    "::",
    folder,
  ];
  return made.code === 0 && (await namespace.run(copy)).code === 0;
}

/** Looked at anew each time: what is mounted meanwhile must be seen. */
function isRealFolder(root: string, path: RelPath): boolean {
  const tree = new TreeRoot(root);
  try {
    return tree.lstat(path)?.kind === "directory";
  } finally {
    tree.close();
  }
}

const textLimit = 1024 * 1024;

/** The beginning of a small file; empty where there is none. No link is followed. */
function readText(tree: TreeRoot, path: string): string {
  if (tree.lstat(path as RelPath)?.kind !== "file") {
    return "";
  }
  const handle = tree.openRead(path as RelPath);
  try {
    const bytes = Buffer.alloc(textLimit);
    return bytes.subarray(0, readSync(handle, bytes, 0, textLimit, 0)).toString("latin1");
  } finally {
    closeSync(handle);
  }
}

function namesIn(tree: TreeRoot, path: string): readonly string[] {
  return tree.lstat(path as RelPath)?.kind === "directory" ? tree.names(path as RelPath) : [];
}

async function usedBytes(folder: string): Promise<number> {
  const { blocks, bfree, bsize } = await statfs(folder);
  return (blocks - bfree) * bsize;
}
