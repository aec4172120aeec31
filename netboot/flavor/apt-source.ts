/**
 * Packages by the machine's own apt: its sources, keys and proxies, but a private state folder and an empty list of
 * installed packages. So the answer does not depend on what is installed here, nothing here is changed, and root is not needed.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mapBounded } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import type { Log } from "../../base/ports.ts";
import { type PackageRecord, packageFileName, parseRecords, parseSimulation } from "./apt-output.ts";
import type { PackageSource } from "./package-source.ts";
import { runProgram } from "./program.ts";

export interface AptOptions {
  /** For apt's state and the downloaded packages; kept between builds, so that a second one downloads nothing. */
  readonly workDir: string;
  /** Whose packages, as Debian calls it, where it is not this machine's own: they are looked up in package lists of their own. */
  readonly architecture?: "amd64" | "arm64";
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a source. The machine's package lists are used as they are; where they are missing or stale, private ones are fetched. */
export async function aptSource(options: AptOptions): Promise<PackageSource> {
  const foreign = await foreignArchitecture(options);
  const stateDir = join(options.workDir, foreign === undefined ? "apt" : `apt-${foreign}`);
  const packageDir = join(options.workDir, "packages");
  const statusPath = join(stateDir, "status");
  await mkdir(join(stateDir, "lists", "partial"), { recursive: true });
  await mkdir(join(stateDir, "cache", "archives", "partial"), { recursive: true });
  await mkdir(packageDir, { recursive: true });
  await writeFile(statusPath, "");
  let lists: "host" | "private" = foreign === undefined ? "host" : "private";
  let fresh = false;

  function apt(program: "apt-get" | "apt-cache", words: readonly string[]): Promise<string> {
    const settings = [
      `Dir::State::status=${statusPath}`,
      `Dir::Cache=${join(stateDir, "cache")}`,
      "Debug::NoLocking=true",
      "APT::Sandbox::User=root",
      "APT::Install-Recommends=false",
      "APT::Get::Show-Versions=false",
      "Acquire::Retries=3",
      ...(foreign === undefined ? [] : [`APT::Architecture=${foreign}`, `APT::Architectures=${foreign}`]),
      ...(lists === "private" ? [`Dir::State::lists=${join(stateDir, "lists")}/`] : []),
    ];
    const argv: [string, ...string[]] = [
      program,
      ...settings.flatMap((setting) => ["-o", setting]),
      ...words,
    ];
    return runProgram(argv, { cwd: packageDir, debianPackage: "apt", signal: options.signal });
  }

  /** Tries with the lists at hand; when that fails, once more with fresh private ones. */
  async function withFreshLists<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (fresh || options.signal?.aborted === true) {
        throw error;
      }
      options.log.info("Fetching fresh package lists", { reason: String(error) });
      lists = "private";
      fresh = true;
      await apt("apt-get", ["update", "-q"]);
      return await work();
    }
  }

  async function find(
    names: readonly string[],
    how: { readonly closure: boolean },
  ): Promise<readonly PackageRecord[]> {
    const wanted = how.closure
      ? parseSimulation(await apt("apt-get", ["install", "--simulate", "-q", ...names]))
      : names;
    const records = parseRecords(await apt("apt-cache", ["show", "--no-all-versions", ...wanted]));
    if (!records.ok) {
      throw new AppError("corrupt", `Cannot read what apt says: ${records.error}`);
    }
    return records.value;
  }

  async function fetch(records: readonly PackageRecord[]): Promise<readonly string[]> {
    const pathOf = (record: PackageRecord): string => join(packageDir, packageFileName(record));
    const good = await mapBounded(records, 4, (record) => isIntact(pathOf(record), record));
    const wanting = records.filter((_, index) => !good[index]);
    if (wanting.length > 0) {
      await apt("apt-get", [
        "download",
        "-q",
        ...wanting.map((record) => `${record.name}=${record.version}`),
      ]);
      await mapBounded(wanting, 4, async (record) => {
        if (!(await isIntact(pathOf(record), record))) {
          throw new AppError("corrupt", `Package file is not what the package list says: ${pathOf(record)}`, {
            hint: "Run apt-get update and build again",
          });
        }
      });
    }
    return records.map(pathOf);
  }

  if (foreign !== undefined) {
    // Nobody else keeps these lists new.
    options.log.info("Fetching package lists", { architecture: foreign });
    await apt("apt-get", ["update", "-q"]);
    fresh = true;
  }
  return {
    find: (names, how) => withFreshLists(() => find(names, how)),
    fetch,
  };
}

/** The architecture that is asked for, unless it is what this machine's apt is about anyway. */
async function foreignArchitecture({
  architecture,
  signal,
}: AptOptions): Promise<"amd64" | "arm64" | undefined> {
  if (architecture === undefined) {
    return undefined;
  }
  const own = await runProgram(["dpkg", "--print-architecture"], { debianPackage: "dpkg", signal });
  return own.trim() === architecture ? undefined : architecture;
}

async function isIntact(path: string, record: PackageRecord): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== record.size) {
    return false;
  }
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
  }
  return hash.digest("hex") === record.sha256;
}
