/**
 * Builds a flavor: packages are found and fetched, programs and modules chosen out of them, laid out as a tree, and written as a
 * compressed cpio archive beside the kernel. The same packages give the same bytes.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../base/errors.ts";
import { readPackageFile } from "../../base/package-file.ts";
import { baseName, type RelPath } from "../../base/path-bytes.ts";
import { type Clock, discardLog, type Log, type ProgressSink } from "../../base/ports.ts";
import type { Result } from "../../base/result.ts";
import { httpGrubLoader } from "../boot-files/grub-image.ts";
import { kernelPackage, type PackageRecord } from "./apt-output.ts";
import { encodeCpio, type RamdiskEntry } from "./cpio.ts";
import { readDeb } from "./deb-reader.ts";
import {
  debianArchitecture,
  type FlavorArch,
  type FlavorInfo,
  flavorFiles,
  parseFlavorName,
} from "./flavor.ts";
import { makeBuildFolder, publishFlavor } from "./flavor-folder.ts";
import { makeGrubImage } from "./grub-image.ts";
import type { SystemKernel } from "./kernel-files.ts";
import { type KernelParts, readKernelPackage, readSystemKernel } from "./kernel-reader.ts";
import { armModules, serverModules, virtualModules } from "./module-list.ts";
import { foreignLoaders, grubPackages, standardPackages, unwantedLibraries } from "./package-list.ts";
import type { PackageSource } from "./package-source.ts";
import { matchesPath } from "./path-pattern.ts";
import { startProgram } from "./program.ts";
import { layTree, skeleton } from "./ramdisk-tree.ts";
import { chooseUserland, isCandidate, type PackagedEntry } from "./userland.ts";

export interface FlavorBuildOptions {
  readonly name: string;
  readonly arch: FlavorArch;
  /** `generic` (all hardware) unless told; `cloud` has drivers for virtual machines only. */
  readonly kernel?: "generic" | "cloud";
  /** Taken in place of a kernel of Debian's packages. */
  readonly systemKernel?: SystemKernel;
  /** The folder of flavors; the result lies in `outDir/NAME`. */
  readonly outDir: string;
  /** For scratch files, cleared at the end. */
  readonly workDir: string;
  readonly source: PackageSource;
  readonly clock: Pick<Clock, "now">;
  /** zstd's level, 9 unless told: 19 makes the ramdisk an eighth smaller and takes a minute longer. */
  readonly compression?: number;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
  readonly log?: Log;
}

const scripts: readonly (readonly [asset: string, path: string, mode: number])[] = [
  ["init", "init", 0o755],
  ["node.sh", "usr/lib/ingot/node.sh", 0o644],
  ["hardware.sh", "usr/lib/ingot/hardware.sh", 0o644],
  ["udhcpc.sh", "usr/lib/ingot/udhcpc.sh", 0o755],
  ["profile", "etc/profile", 0o644],
];

/** Builds and publishes; on any failure the flavor of that name stays as it was. */
export async function buildFlavor(options: FlavorBuildOptions): Promise<FlavorInfo> {
  orThrow(parseFlavorName(options.name), { code: "bad-input", what: "Bad flavor name" });
  const { name, arch, outDir, log = discardLog } = options;
  const report = (phase: string, message: string): void => options.onProgress?.({ phase, message });
  await mkdir(options.workDir, { recursive: true });
  const scratchDir = await mkdtemp(join(options.workDir, "flavor-"));
  try {
    report("packages", "Finding packages");
    const packages = await findPackages(options);
    const bytes = packages.all.reduce((sum, record) => sum + record.size, 0);
    report("download", `Fetching ${packages.all.length} packages, ${Math.round(bytes / 1e6)} MB`);
    const paths = await options.source.fetch(packages.all);
    report("unpack", "Reading programs");
    const first = packages.kernel === undefined ? 0 : 1;
    const userland = await readUserland(packages.all.slice(first), {
      paths: paths.slice(first),
      signal: options.signal,
    });
    report("modules", `Reading ${packages.kernel?.name ?? `the kernel of ${options.systemKernel?.of}`}`);
    const patterns = modulePatterns(options);
    const reading = { patterns, scratchDir, log, signal: options.signal };
    const kernel =
      options.systemKernel === undefined
        ? await readKernelPackage(paths[0] ?? "", reading)
        : await readSystemKernel(options.systemKernel, reading);
    report("compress", `Writing ${userland.length} files and ${kernel.moduleCount} modules`);
    const tree = orThrow(layTree([...skeleton(), ...userland, ...kernel.entries, ...ownFiles()]), {
      code: "internal",
      what: "Cannot lay out the ramdisk",
    });
    const folder = await makeBuildFolder(outDir, name);
    const files = await writeFiles(folder, { tree, kernel, options });
    const loaders = await writeLoaders(folder, { ...options, scratchDir });
    const used = new Set([packages.kernel?.name, ...userland.map((entry) => entry.from)]);
    const named = [...packages.all.filter((record) => used.has(record.name)), ...loaders.packages];
    const flavor = await publishFlavor(outDir, {
      folder,
      flavor: {
        name,
        arch,
        kernelVersion: kernel.version,
        ...(options.systemKernel === undefined ? {} : { image: options.systemKernel.of }),
        ...files,
        ...(loaders.names.length === 0 ? {} : { loaders: loaders.names }),
        packages: named
          .map((record) => ({ name: record.name, version: record.version, sha256: record.sha256 }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
        created: new Date(options.clock.now()).toISOString(),
      },
    });
    log.info("Flavor built", { flavor: name, kernel: kernel.version, bytes: flavor.sizes.initrd });
    return flavor;
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

/** The kernel first where it is a package, then the programs' packages, then the libraries of all those depend on. */
async function findPackages(
  options: FlavorBuildOptions,
): Promise<{ readonly kernel: PackageRecord | undefined; readonly all: readonly PackageRecord[] }> {
  const { source } = options;
  const kernel = options.systemKernel === undefined ? await findKernel(options) : undefined;
  const names = new Set(standardPackages.map((selection) => selection.name));
  const closure = await source.find([...names], { closure: true });
  const wanted = closure.filter(
    (record) =>
      names.has(record.name) ||
      (record.section === "libs" && !unwantedLibraries.some((pattern) => pattern.test(record.name))),
  );
  return { kernel, all: [...(kernel === undefined ? [] : [kernel]), ...wanted] };
}

async function findKernel({ source, arch, kernel }: FlavorBuildOptions): Promise<PackageRecord> {
  const metaName = `linux-image-${kernel === "cloud" ? "cloud-" : ""}${debianArchitecture(arch)}`;
  const meta = only(await source.find([metaName], { closure: false }), metaName);
  const name = orThrow(kernelPackage(meta), { code: "not-found", what: "No kernel package" });
  return only(await source.find([name], { closure: false }), name);
}

async function readUserland(
  records: readonly PackageRecord[],
  options: { readonly paths: readonly string[]; readonly signal: AbortSignal | undefined },
): Promise<readonly PackagedEntry[]> {
  const candidates: PackagedEntry[] = [];
  for (const [index, { name: from }] of records.entries()) {
    const selection = standardPackages.find((one) => one.name === from);
    const wants = (path: RelPath): boolean => isCandidate(path, selection);
    for await (const entry of readDeb(options.paths[index] ?? "", { wants, signal: options.signal })) {
      candidates.push(
        entry.kind === "file"
          ? { ...entry, from }
          : { kind: "symlink", path: entry.path, target: entry.target, from },
      );
    }
  }
  const userland = chooseUserland(candidates, standardPackages);
  return orThrow(userland, { code: "not-found", what: "The packages lack something" }).entries;
}

function ownFiles(): readonly RamdiskEntry[] {
  return scripts.map(([asset, path, mode]) => ({
    kind: "file",
    path: path as RelPath,
    mode,
    data: readPackageFile(`netboot/ramdisk/${asset}`),
  }));
}

function modulePatterns({ kernel, arch }: FlavorBuildOptions): readonly string[] {
  const hardware = arch === "aarch64" ? [...serverModules, ...armModules] : serverModules;
  return kernel === "cloud" ? virtualModules : [...virtualModules, ...hardware];
}

/** Loaders of machines that this server cannot have the packages of installed. */
async function writeLoaders(
  folder: string,
  {
    arch,
    source,
    signal,
    scratchDir,
    log = discardLog,
  }: FlavorBuildOptions & { readonly scratchDir: string },
): Promise<{ readonly names: readonly string[]; readonly packages: readonly PackageRecord[] }> {
  const selections = foreignLoaders[arch];
  if (selections.length === 0) {
    return { names: [], packages: [] };
  }
  const grub = grubPackages[arch];
  const records = await source.find(
    [...selections, ...(grub === undefined ? [] : [grub])].map(({ name }) => name),
    { closure: false },
  );
  const paths = await source.fetch(records);
  const names: string[] = [];
  await mkdir(join(folder, flavorFiles.loaders), { recursive: true });
  for (const selection of selections) {
    const packagePath = paths[records.findIndex(({ name }) => name === selection.name)] ?? "";
    const wants = (path: RelPath): boolean => selection.files.some((file) => matchesPath(path, file));
    let found = 0;
    for await (const entry of readDeb(packagePath, { wants, signal })) {
      if (entry.kind === "file") {
        found += 1;
        names.push(baseName(entry.path));
        await writeFile(join(folder, flavorFiles.loaders, baseName(entry.path)), entry.data);
      }
    }
    if (found !== selection.files.length) {
      throw new AppError("not-found", `Package ${selection.name} lacks ${selection.files.join(" or ")}`);
    }
  }
  if (grub !== undefined) {
    const packagePath = paths[records.findIndex(({ name }) => name === grub.name)] ?? "";
    const image = await makeGrubImage({ format: grub.format, packagePath, scratchDir, signal });
    if (image === undefined) {
      log.warn("No loader for HTTP boot: grub-mkimage (package grub-common) is not here", { arch });
    } else {
      names.push(httpGrubLoader);
      await writeFile(join(folder, flavorFiles.loaders, httpGrubLoader), image);
    }
  }
  return { names: names.sort((a, b) => (a < b ? -1 : 1)), packages: records };
}

async function writeFiles(
  folder: string,
  parts: {
    readonly tree: readonly RamdiskEntry[];
    readonly kernel: KernelParts;
    readonly options: FlavorBuildOptions;
  },
): Promise<Pick<FlavorInfo, "sizes" | "sha256s">> {
  const kernelPath = join(folder, flavorFiles.kernel);
  const initrdPath = join(folder, flavorFiles.initrd);
  await writeFile(kernelPath, parts.kernel.kernel);
  let unpacked = 0;
  function* counted(): Generator<Uint8Array> {
    for (const piece of encodeCpio(parts.tree)) {
      unpacked += piece.length;
      yield piece;
    }
  }
  // The kernel unpacks windows of 8 MiB at most without asking for more memory: no --long.
  // Kernels before 5.9 know no zstd; every one knows gzip.
  const { stdout, done } = startProgram(
    parts.kernel.takesZstd
      ? ["zstd", `-${parts.options.compression ?? 9}`, "-T0", "-q", "-c"]
      : ["gzip", "-n", "-6", "-c"],
    {
      input: counted(),
      debianPackage: parts.kernel.takesZstd ? "zstd" : "gzip",
      signal: parts.options.signal,
    },
  );
  await pipeline(stdout, createWriteStream(initrdPath, { flush: true }));
  await done;
  return {
    sizes: { kernel: parts.kernel.kernel.length, initrd: (await stat(initrdPath)).size, unpacked },
    sha256s: { kernel: sha256(parts.kernel.kernel), initrd: sha256(await readFile(initrdPath)) },
  };
}

function only(records: readonly PackageRecord[], name: string): PackageRecord {
  const [record] = records;
  if (record === undefined) {
    throw new AppError("not-found", `Package not found: ${name}`, {
      hint: "Check the machine's apt sources: apt-cache policy must know the package",
    });
  }
  return record;
}

function orThrow<T>(
  result: Result<T, string>,
  failure: { readonly code: "bad-input" | "not-found" | "internal"; readonly what: string },
): T {
  if (!result.ok) {
    throw new AppError(failure.code, `${failure.what}: ${result.error}`);
  }
  return result.value;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
