/** What an administrator laid into the state folder for installs: scripts, pinned master scripts, passphrases. */
import { constants } from "node:fs";
import { copyFile, lstat, mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isScriptName, type ScriptStage } from "../autoinstall/install/stage-scripts.ts";
import { AppError, toAppError } from "../base/errors.ts";
import { runProcess } from "../base/process.ts";
import type { InstallFiles } from "./services.ts";

const scriptLimit = 16 * 1024 ** 2;
/** cryptsetup takes no longer one from a keyboard. */
const passphraseLimit = 512;

/** Passphrases are kept below `luks/`, scripts below `scripts/`. */
export function openInstallFiles(state: string): InstallFiles {
  const scripts = join(state, "scripts");
  return {
    scripts: async (stage) => await scriptNames(join(scripts, stage)),
    script: async (stage: ScriptStage, name) => {
      const file = isScriptName(name)
        ? await readRegular(join(scripts, stage, name), scriptLimit)
        : undefined;
      if (file === undefined) {
        throw new AppError("not-found", `There is no ${stage} script '${name}'`);
      }
      return file.content;
    },
    addScript: async (stage, name, file) => {
      await mkdir(join(scripts, stage), { recursive: true });
      try {
        await copyFile(file, join(scripts, stage, name), constants.COPYFILE_EXCL);
        return true;
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "EEXIST") {
          return false;
        }
        throw toAppError(error, "io");
      }
    },
    addOverride: (name, folder, { signal }) => addTree(join(state, "overrides"), { name, folder, signal }),
    pinned: async (names) => {
      for (const name of names) {
        for (const suffix of [".sh", ".master"]) {
          const file = await readRegular(join(scripts, `${name}${suffix}`), scriptLimit);
          if (file !== undefined) {
            return { name: `scripts/${name}${suffix}`, text: Buffer.from(file.content).toString("latin1") };
          }
        }
      }
      return undefined;
    },
    passphrase: async (names) => {
      for (const name of [...names, "default"]) {
        const path = join(state, "luks", name);
        const file = await readRegular(path, passphraseLimit + 2);
        if (file !== undefined) {
          return passphraseOf(path, file);
        }
      }
      return undefined;
    },
  };
}

/** Copies beside the place and renames: the tree appears whole or not at all. */
async function addTree(
  parent: string,
  tree: { readonly name: string; readonly folder: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const { name, folder, signal } = tree;
  const target = join(parent, name);
  if ((await lstat(target).catch(() => undefined)) !== undefined) {
    return false;
  }
  await mkdir(parent, { recursive: true });
  const work = await mkdtemp(join(parent, ".copying-"));
  try {
    const copy = ["cp", "-a", "--one-file-system", "--no-target-directory", "--", folder, join(work, name)];
    const { code, stderr } = await runProcess(copy, { signal });
    if (code !== 0) {
      throw new AppError("io", `Cannot copy ${folder}: ${stderr.trim().split("\n").at(-1) ?? ""}`);
    }
    await rename(join(work, name), target);
    return true;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface RegularFile {
  readonly content: Uint8Array;
  readonly mode: number;
}

function passphraseOf(path: string, file: RegularFile): Uint8Array {
  if ((file.mode & 0o077) !== 0) {
    throw new AppError("refused", `The passphrase in ${path} can be read by others than its owner`, {
      hint: `chmod 0600 ${path}`,
    });
  }
  const text = Buffer.from(file.content)
    .toString("latin1")
    .replace(/\r?\n$/, "");
  if (text === "" || text.length > passphraseLimit || /[\0\r\n]/.test(text)) {
    throw new AppError("refused", `${path} is no passphrase: one line of 1 to ${passphraseLimit} bytes`);
  }
  return Buffer.from(text, "latin1");
}

/** No link is followed at the name; undefined where there is nothing. */
async function readRegular(path: string, limit: number): Promise<RegularFile | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { mode, size } = await file.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > limit) {
        throw new AppError("refused", `${path} is not a regular file of at most ${limit} bytes`);
      }
      return { content: await file.readFile(), mode };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return undefined;
    }
    throw toAppError(error, "io");
  }
}

async function scriptNames(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && isScriptName(entry.name)).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw toAppError(error, "io");
  }
}
