/**
 * The folder of flavors: `NAME` is a symlink to `.NAME-DIGEST`, a folder that holds `kernel`, `initrd.img` and `flavor.json` and is
 * never changed. A rebuild makes a new folder and renames a new link over the old one: nobody sees one build's kernel
 * beside another's modules.
 */
import {
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../base/errors.ts";
import {
  decodeFlavor,
  encodeFlavor,
  type FlavorDescription,
  type FlavorInfo,
  flavorFiles,
  parseFlavorName,
} from "./flavor.ts";

/** Reads one flavor; undefined where there is none of that name. */
export async function readFlavor(flavorsDir: string, name: string): Promise<FlavorInfo | undefined> {
  const folder = join(flavorsDir, checkedName(name));
  const path = join(folder, flavorFiles.description);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return undefined;
    }
    throw new AppError("io", `Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (text === undefined) {
    return undefined;
  }
  const flavor = decodeFlavor(text);
  if (!flavor.ok) {
    throw new AppError("corrupt", `Flavor ${name} has a broken description, ${path}: ${flavor.error}`, {
      hint: `Build it again: ingot flavor build ${name}`,
    });
  }
  return located(flavor.value, folder);
}

/** All flavors, by name. */
export async function listFlavors(flavorsDir: string): Promise<readonly FlavorInfo[]> {
  const names = await readdir(flavorsDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return [];
    }
    throw new AppError("io", `Cannot list ${flavorsDir}: ${error.message}`, { cause: error });
  });
  const flavors: FlavorInfo[] = [];
  for (const name of names.filter((one) => parseFlavorName(one).ok).sort((a, b) => (a < b ? -1 : 1))) {
    const flavor = await readFlavor(flavorsDir, name);
    if (flavor !== undefined) {
      flavors.push(flavor);
    }
  }
  return flavors;
}

/** Removes a flavor; false where there was none. */
export async function removeFlavor(flavorsDir: string, name: string): Promise<boolean> {
  const link = join(flavorsDir, checkedName(name));
  const existed = await unlink(link).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") {
        return false;
      }
      throw new AppError("io", `Cannot remove ${link}: ${error.message}`, { cause: error });
    },
  );
  await removeOldBuilds(flavorsDir, { name, keep: undefined });
  return existed;
}

/** Makes an empty folder for a build. It is cleared away by the next build if this one is cut off. */
export async function makeBuildFolder(flavorsDir: string, name: string): Promise<string> {
  const folder = join(flavorsDir, `.${checkedName(name)}-building`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Makes a finished build the flavor of its name, and removes the build it replaces. */
export async function publishFlavor(
  flavorsDir: string,
  build: { readonly folder: string; readonly flavor: FlavorDescription },
): Promise<FlavorInfo> {
  const { flavor } = build;
  const link = join(flavorsDir, checkedName(flavor.name));
  await writeFile(join(build.folder, flavorFiles.description), encodeFlavor(flavor));
  const digest = `${flavor.sha256s.kernel.slice(0, 8)}${flavor.sha256s.initrd.slice(0, 8)}`;
  const target = `.${flavor.name}-${digest}`;
  const current = await readlink(link).catch(() => undefined);
  if (current !== target) {
    await rm(join(flavorsDir, target), { recursive: true, force: true });
    await rename(build.folder, join(flavorsDir, target));
    const newLink = join(flavorsDir, `.${flavor.name}-link`);
    await rm(newLink, { force: true });
    await symlink(target, newLink);
    await rename(newLink, link);
  }
  await removeOldBuilds(flavorsDir, { name: flavor.name, keep: target });
  return located(flavor, link);
}

async function removeOldBuilds(
  flavorsDir: string,
  options: { readonly name: string; readonly keep: string | undefined },
): Promise<void> {
  const ours = new RegExp(`^\\.${options.name.replaceAll(".", "\\.")}-([0-9a-f]{16}|building|link)$`);
  for (const entry of await readdir(flavorsDir)) {
    if (ours.test(entry) && entry !== options.keep) {
      await rm(join(flavorsDir, entry), { recursive: true, force: true });
    }
  }
}

async function located(flavor: FlavorDescription, folder: string): Promise<FlavorInfo> {
  const kernelPath = join(folder, flavorFiles.kernel);
  const initrdPath = join(folder, flavorFiles.initrd);
  for (const path of [kernelPath, initrdPath]) {
    await stat(path).catch((cause: unknown) => {
      throw new AppError("corrupt", `Flavor ${flavor.name} is incomplete: ${path} is missing`, {
        hint: `Build it again: ingot flavor build ${flavor.name}`,
        cause,
      });
    });
  }
  return { ...flavor, kernelPath, initrdPath };
}

function checkedName(name: string): string {
  const parsed = parseFlavorName(name);
  if (!parsed.ok) {
    throw new AppError("bad-input", `Bad flavor name: ${parsed.error}`);
  }
  return parsed.value;
}
