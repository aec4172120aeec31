/**
 * Builds the golden client's disk, once a month and per recipe, and keeps it in a cache folder. Files there appear whole or not at
 * all; a lab works on copies.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bootstrapArguments,
  type GoldenKernel,
  type GoldenRecipe,
  goldenRecipe,
  indexTargetFormat,
  sourceLines,
} from "./golden-recipe.ts";
import { run } from "./run.ts";

const scripts = fileURLToPath(new URL("golden/", import.meta.url));
const diskScript = join(scripts, "build-disk.sh");
const contentScript = join(scripts, "special-content.sh");

export interface GoldenOptions {
  readonly kernel?: GoldenKernel;
  /** A folder for what lies about while building; it is the caller's to remove. */
  readonly scratch: string;
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const folder = process.env.INGOT_LAB_CACHE ?? join(base, "ingot-lab");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** The key pair that the golden client lets in as root: made once, kept in the cache, because it is part of the disk. */
export async function labKey(): Promise<string> {
  const file = join(cacheFolder(), "id_ed25519");
  if (!existsSync(file) || !existsSync(`${file}.pub`)) {
    const draft = `${file}.${process.pid}`;
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ingot lab", "-f", draft]);
    renameSync(`${draft}.pub`, `${file}.pub`);
    renameSync(draft, file);
  }
  return file;
}

/** The golden client's disk, raw: do not write to it. */
export async function goldenDisk(options: GoldenOptions): Promise<string> {
  const recipe = goldenRecipe(options.kernel ?? "cloud");
  const publicKey = `${await labKey()}.pub`;
  const key = digest([JSON.stringify(recipe), ...[diskScript, contentScript, publicKey].map(readText)]);
  return await cached(`golden-${month()}-${key}.raw`, options, async (draft) => {
    const tarball = await baseTarball(options);
    options.report("golden client: partitioning a disk, installing Debian and GRUB on it");
    await run(
      ["unshare", "--mount", "sh", diskScript, tarball, draft, recipe.diskSize, publicKey, contentScript],
      { env: { TMPDIR: options.scratch }, signal: options.signal },
    );
  });
}

/** The golden client's kernel, for a machine that needs one without a disk. */
export async function goldenKernelFile(options: GoldenOptions): Promise<string> {
  const tarball = await baseTarball(options);
  const file = join(options.scratch, "vmlinuz");
  const script = 'tar --extract --to-stdout --wildcards --file="$1" "./boot/vmlinuz-*" >"$2"';
  await run(["sh", "-c", script, "sh", tarball, file], { signal: options.signal });
  return file;
}

async function baseTarball(options: GoldenOptions): Promise<string> {
  const recipe = goldenRecipe(options.kernel ?? "cloud");
  const sources = await aptSources(recipe);
  return await cached(`base-${month()}-${digest([JSON.stringify(recipe)])}.tar`, options, async (draft) => {
    options.report(
      "golden client: fetching and unpacking Debian packages (about a minute; kept for later runs)",
    );
    const sourcesFile = join(options.scratch, "sources.list");
    writeFileSync(sourcesFile, `${sources.join("\n")}\n`);
    await run(["mmdebstrap", ...bootstrapArguments(recipe, { tarball: draft, sources: sourcesFile })], {
      env: { TMPDIR: options.scratch, ...(await aptProxies()) },
      timeoutMs: 1_800_000,
      signal: options.signal,
    });
  });
}

async function aptSources(recipe: GoldenRecipe): Promise<readonly string[]> {
  const { stdout } = await run(["apt-get", "indextargets", "--format", indexTargetFormat]);
  const lines = sourceLines(stdout, recipe.suite);
  if (lines.length === 0) {
    throw new Error(
      `This machine's apt knows no mirror of Debian ${recipe.suite}: run 'apt-get update' first`,
    );
  }
  return lines;
}

/** This machine's own proxies for apt, as environment variables, which are not written into the new system. */
async function aptProxies(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run([
    ...["apt-config", "--format", "%f=%v%n", "dump"],
    ...["Acquire::http::Proxy", "Acquire::https::Proxy"],
  ]);
  const entries = stdout.split("\n").map((line) => /^Acquire::(https?)::Proxy=(.+)$/i.exec(line));
  return Object.fromEntries(entries.flatMap((match) => (match ? [[`${match[1]}_proxy`, match[2]!]] : [])));
}

/** A file of the cache, built if it is not there: under another name first, so that nobody ever sees half of it. */
async function cached(
  name: string,
  options: GoldenOptions,
  build: (draft: string) => Promise<void>,
): Promise<string> {
  const file = join(cacheFolder(), name);
  if (!existsSync(file)) {
    const draft = join(options.scratch, `draft-${name}`);
    await build(draft);
    const arriving = `${file}.${process.pid}`;
    await run(["cp", "--sparse=always", "--reflink=auto", draft, arriving], { signal: options.signal });
    rmSync(draft);
    renameSync(arriving, file);
    forgetOlder(name);
  }
  return file;
}

/** Removes earlier months' files of the same kind. */
function forgetOlder(name: string): void {
  const kind = name.split("-")[0];
  for (const other of readdirSync(cacheFolder())) {
    if (other.startsWith(`${kind}-`) && !other.startsWith(`${kind}-${month()}-`)) {
      rmSync(join(cacheFolder(), other), { force: true });
    }
  }
}

function month(): string {
  return new Date().toISOString().slice(0, 7);
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);
}

function readText(file: string): string {
  return readFileSync(file, "utf8");
}
