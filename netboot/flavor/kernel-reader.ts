/**
 * Reads a kernel, out of a Debian package or out of an installed system: the kernel itself, and of its modules those a ramdisk is to
 * have, with the indexes modprobe needs.
 */
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { Log } from "../../base/ports.ts";
import type { RamdiskEntry } from "./cpio.ts";
import { type DebEntry, readDeb, readTar } from "./deb-reader.ts";
import { readElf } from "./elf.ts";
import {
  isAnyKernelFile,
  isKernelConfig,
  isKernelFile,
  kernelVersionOf,
  type SystemKernel,
} from "./kernel-files.ts";
import { closeModules, type KernelModule } from "./module-closure.ts";
import { runProgram } from "./program.ts";

export interface KernelParts {
  readonly version: string;
  readonly kernel: Uint8Array;
  readonly entries: readonly RamdiskEntry[];
  readonly moduleCount: number;
  /** False where the kernel's own configuration does not say that it unpacks ramdisks compressed by zstd. */
  readonly takesZstd: boolean;
}

export interface KernelReadOptions {
  readonly patterns: readonly string[];
  /** An empty folder of our own, for the unpacked modules. */
  readonly scratchDir: string;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** `not-found` where the package holds no kernel, `corrupt` where a module's dependency is nowhere. */
export async function readKernelPackage(
  packagePath: string,
  options: KernelReadOptions,
): Promise<KernelParts> {
  return await readKernel(readDeb(packagePath, { wants: isAnyKernelFile, signal: options.signal }), {
    ...options,
    what: packagePath,
  });
}

/** The same of an installed system's kernel. */
export async function readSystemKernel(
  kernel: SystemKernel,
  options: KernelReadOptions,
): Promise<KernelParts> {
  const { version, archive, of } = kernel;
  const wants = (path: RelPath): boolean => isKernelFile(path, version);
  return await readKernel(readTar(archive, { wants, what: of }), { ...options, what: of });
}

/** Unpacks, chooses, and indexes. */
async function readKernel(
  files: AsyncIterable<DebEntry>,
  options: KernelReadOptions & { readonly what: string },
): Promise<KernelParts> {
  const moduleDir = join(options.scratchDir, "lib", "modules");
  await mkdir(join(options.scratchDir, "usr"), { recursive: true });
  await symlink("../lib", join(options.scratchDir, "usr", "lib")); // depmod of either kind of system finds its folder
  let found: { readonly version: string; readonly kernel: Uint8Array } | undefined;
  let takesZstd = false;
  for await (const entry of files) {
    const version = kernelVersionOf(entry.path);
    if (entry.kind !== "file") {
      continue;
    }
    if (isKernelConfig(entry.path)) {
      takesZstd = /^CONFIG_RD_ZSTD=y$/m.test(Buffer.from(entry.data).toString("latin1"));
      continue;
    }
    if (version !== undefined) {
      found = { version, kernel: entry.data };
      continue;
    }
    const path = join(moduleDir, entry.path.replace(/^usr\/lib\/modules\//, ""));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, entry.data);
  }
  if (found === undefined) {
    throw new AppError("not-found", `No kernel in ${options.what}`);
  }
  const versionDir = join(moduleDir, found.version);
  const chosen = await chooseModules(versionDir, options);
  await keepOnly(versionDir, { modules: chosen, scratchDir: options.scratchDir });
  await runProgram(["depmod", "-b", options.scratchDir, found.version], {
    debianPackage: "kmod",
    signal: options.signal,
  });
  return {
    ...found,
    takesZstd,
    moduleCount: chosen.length,
    entries: await ramdiskEntries(versionDir, found.version),
  };
}

async function chooseModules(versionDir: string, options: KernelReadOptions): Promise<readonly string[]> {
  const kernelDir = join(versionDir, "kernel");
  const files = await filesBelow(kernelDir);
  await decompress(
    files.map((file) => join(kernelDir, file)),
    options.signal,
  );
  const modules: KernelModule[] = [];
  for (const file of await filesBelow(kernelDir)) {
    modules.push({ path: file, info: readElf(await readFile(join(kernelDir, file)))?.moduleInfo ?? [] });
  }
  const closure = closeModules(modules, options.patterns);
  if (closure.missing.length > 0) {
    throw new AppError(
      "corrupt",
      `Kernel modules depend on others that are nowhere: ${closure.missing.join(", ")}`,
    );
  }
  if (closure.unmatched.length > 0) {
    options.log.debug("The kernel has no such modules", { patterns: closure.unmatched.join(" ") });
  }
  return closure.paths;
}

/** Later Debian kernels come with each module compressed; the ramdisk is compressed as a whole, which is smaller. */
async function decompress(paths: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  for (const [suffix, program, debianPackage] of [
    [".xz", ["xz", "-d", "-q", "--"], "xz-utils"],
    [".zst", ["zstd", "-d", "-q", "--rm", "--"], "zstd"],
    [".gz", ["gzip", "-d", "-q", "--"], "gzip"],
  ] as const) {
    const files = paths.filter((path) => path.endsWith(suffix));
    for (let i = 0; i < files.length; i += 500) {
      const [name, ...words] = program;
      await runProgram([name, ...words, ...files.slice(i, i + 500)], {
        debianPackage,
        signal,
      });
    }
  }
}

/** Moves the chosen modules into a folder of their own and drops the rest, so that the indexes name only what is there. */
async function keepOnly(
  versionDir: string,
  options: { readonly modules: readonly string[]; readonly scratchDir: string },
): Promise<void> {
  const all = join(options.scratchDir, "all-modules");
  await rename(join(versionDir, "kernel"), all);
  for (const module of options.modules) {
    const path = join(versionDir, "kernel", module);
    await mkdir(dirname(path), { recursive: true });
    await rename(join(all, module), path);
  }
  await rm(all, { recursive: true });
}

async function ramdiskEntries(versionDir: string, version: string): Promise<readonly RamdiskEntry[]> {
  const entries: RamdiskEntry[] = [];
  for (const file of await filesBelow(versionDir)) {
    const data = await readFile(join(versionDir, file));
    entries.push({ kind: "file", path: `usr/lib/modules/${version}/${file}` as RelPath, mode: 0o644, data });
  }
  return entries;
}

/** Paths of all files below a folder, sorted. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort((a, b) => (a < b ? -1 : 1));
}
