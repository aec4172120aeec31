/** The short moments in which the store's files change: one process at a time, each step leaving a store that is whole. */
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { duration } from "../../base/quantity.ts";
import type { Manifest, VersionId } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { namesIn, publishFile, removeDeadWorkFolders, syncFolder } from "./durable-file.ts";
import { finishInterrupted, removedPrefix } from "./interrupted.ts";
import { type HeldLock, removeDeadLocks, takeLock } from "./lock-file.ts";
import { readManifest } from "./manifest-file.ts";
import { imageNames, versionNumbers } from "./open-version.ts";
import { keepReserve } from "./reserve.ts";
import { manifestPathOf, packOfFileName, packPathOf, versionsPathOf } from "./store-paths.ts";

const patience = 60_000;
const storeLock = ".store";

/** Runs `work` while nobody else publishes or collects. */
export async function whileOnlyPublisher<T>(
  context: StoreContext,
  options: { readonly holder: string; readonly signal?: AbortSignal; readonly work: () => Promise<T> },
): Promise<T> {
  const lock = await waitForLock(context, options);
  try {
    await finishInterrupted(context.paths);
    const done = await options.work();
    await keepReserve(context.paths);
    return done;
  } finally {
    await lock.release();
  }
}

async function waitForLock(
  context: StoreContext,
  options: { readonly holder: string; readonly signal?: AbortSignal },
): Promise<HeldLock> {
  const start = context.clock.now();
  for (;;) {
    const taken = await takeLock(context.paths.locks, { name: storeLock, holder: options.holder });
    if (!("heldBy" in taken)) {
      return taken;
    }
    if (context.clock.now() - start > patience) {
      throw new AppError("conflict", `Cannot change the store: ${taken.heldBy} holds it for over a minute`);
    }
    await context.clock.sleep(duration(50), options.signal);
  }
}

/**
 * Publishes a version: its pack first, so that a manifest never names what is not there. A pack that others collected since
 * it was looked up is `missing`: the commit has to look again.
 */
export async function publishVersion(
  context: StoreContext,
  version: {
    readonly manifest: Manifest;
    readonly manifestFile: string;
    readonly pack?: { readonly id: string; readonly file: string };
  },
): Promise<"published" | "missing"> {
  const { paths } = context;
  const { manifest, pack } = version;
  for (const id of manifest.packs) {
    if (id !== pack?.id && !(await exists(packPathOf(paths, id)))) {
      return "missing";
    }
  }
  const target = manifestPathOf(paths, manifest);
  if (await exists(target)) {
    throw new AppError("conflict", `Version ${manifest.image}@${manifest.number} exists already`);
  }
  await mkdir(paths.packs, { recursive: true });
  if (await makeFolder(versionsPathOf(paths, manifest.image))) {
    await syncFolder(paths.versions);
  }
  if (pack !== undefined) {
    await publishFile(pack.file, packPathOf(paths, pack.id));
  }
  await publishFile(version.manifestFile, target);
  return "published";
}

/** Removes packs that no version names, and the unfinished files of dead processes. Only inside {@link whileOnlyPublisher}. */
export async function collectGarbage(
  context: StoreContext,
): Promise<{ readonly packs: number; readonly bytes: number }> {
  const { paths } = context;
  await removeDeadWorkFolders(paths.temporary);
  await removeDeadLocks(paths.locks, { except: storeLock, now: context.clock.now() });
  for (const name of await namesIn(paths.images)) {
    if (name.startsWith(removedPrefix)) {
      await rm(`${paths.images}/${name}`, { recursive: true, force: true });
    }
  }
  // What captures remember of images that are gone.
  for (const name of await namesIn(`${paths.images}/.capture`)) {
    if (!(await exists(`${paths.images}/${name}`))) {
      await rm(`${paths.images}/.capture/${name}`, { recursive: true, force: true });
    }
  }
  const named = await namedPacks(context);
  let packs = 0;
  let bytes = 0;
  if (named !== undefined) {
    for (const name of await namesIn(paths.packs)) {
      const id = packOfFileName(name);
      if (id !== undefined && !named.has(id)) {
        bytes += (await stat(`${paths.packs}/${name}`)).size;
        await rm(`${paths.packs}/${name}`, { force: true });
        packs += 1;
      }
    }
  }
  return { packs, bytes };
}

/** Renames a synced folder into place. */
export async function publishFolder(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(to.slice(0, to.lastIndexOf("/")));
}

/** The packs that some version (but `except`) names; undefined where a manifest cannot be read, so that nothing is taken for garbage. */
export async function namedPacks(
  context: StoreContext,
  except: readonly VersionId[] = [],
): Promise<ReadonlySet<string> | undefined> {
  const named = new Set<string>();
  for (const image of await imageNames(context.paths)) {
    for (const number of await versionNumbers(context.paths, image)) {
      const id: VersionId = { image, number };
      if (except.some((left) => left.image === image && left.number === number)) {
        continue;
      }
      try {
        for (const pack of (await readManifest(manifestPathOf(context.paths, id), id)).packs) {
          named.add(pack);
        }
      } catch (error) {
        context.log.warn("Packs are not collected because a manifest cannot be read", {
          image,
          version: number,
          error: error instanceof Error ? error.message : String(error),
        });
        return undefined;
      }
    }
  }
  return named;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function makeFolder(folder: string): Promise<boolean> {
  return (await mkdir(folder, { recursive: true })) !== undefined;
}
