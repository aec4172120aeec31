/**
 * Commits a tree: list it, compare with the newest version, read what changed through tar into one new pack, publish. Until
 * the manifest is renamed into place nothing that others see has changed.
 */
import { rm } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { formatVersion, type ImageName, type Manifest, manifestSchema } from "../manifest.ts";
import { compactPacks } from "./committed-tree.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder, syncFolder } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import { writeManifest } from "./manifest-file.ts";
import { refuseMounts } from "./mounts.ts";
import { type OpenVersion, openVersion, versionNumbers } from "./open-version.ts";
import type { WrittenPack } from "./pack-writer.ts";
import { makeVersionsFolder, placeImage } from "./placing.ts";
import { collectGarbage, publishVersion, whileOnlyPublisher } from "./publish.ts";
import type { CommitOptions, CommitResult } from "./store.ts";
import { manifestName, treeIndexName, treePathOf } from "./store-paths.ts";
import {
  packFileIn,
  rememberTree,
  type TreePass,
  type TreeTask,
  withTreePass,
  writeSeen,
} from "./tree-pass.ts";

/** Commits the tree; the caller holds the image. */
export async function commitTree(
  context: StoreContext,
  image: ImageName,
  options: CommitOptions,
): Promise<CommitResult> {
  const tree = treePathOf(context.paths, image);
  await refuseMounts(tree, `commit image ${image}`);
  return inWorkFolder(context, image, (work) => commitOnce(context, { image, tree, work, options }));
}

/** Makes the tree that stands finished in the work folder an image with a first version. The caller holds the image, which is not there yet. */
export async function commitFresh(
  context: StoreContext,
  task: Omit<CommitTask, "fresh">,
): Promise<CommitResult> {
  const result = await commitOnce(context, { ...task, fresh: true });
  if (result === "missing") {
    throw new AppError("conflict", `Cannot make image ${task.image}: packs that it shares were removed`, {
      hint: "Try again.",
    });
  }
  return result;
}

async function inWorkFolder(
  context: StoreContext,
  image: ImageName,
  once: (work: string) => Promise<CommitResult | "missing">,
): Promise<CommitResult> {
  for (let attempt = 1; ; attempt++) {
    const work = await makeWorkFolder(context.paths.temporary);
    try {
      const result = await once(work);
      if (result !== "missing") {
        return result;
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    if (attempt === 3) {
      throw new AppError("conflict", `Cannot commit image ${image}: packs it shares keep being removed`);
    }
  }
}

interface CommitTask extends TreeTask {
  readonly options: CommitOptions;
  /** The tree lies in the work folder and becomes the image with its first version, both at once. */
  readonly fresh?: boolean;
}

async function commitOnce(context: StoreContext, task: CommitTask): Promise<CommitResult | "missing"> {
  const { image, options } = task;
  const previous = await openNewest(context, image);
  try {
    return await withTreePass(context, { ...task, previous }, async (pass) => {
      const parent = previous?.manifest;
      if (parent !== undefined && !pass.changed && options.allowEmpty !== true) {
        await rememberTree(context, { task, pass, manifest: parent });
        return { manifest: parent, created: false, read: pass.read };
      }
      const fresh = await pass.packer.finish();
      const { entries, packIds } = compactPacks(pass.entries, pass.packer.packIds(fresh));
      const used = fresh !== undefined && packIds.includes(fresh.id) ? fresh : undefined;
      const manifest: Manifest = {
        schema: manifestSchema,
        image,
        number: (parent?.number ?? 0) + 1,
        created: pass.scanned,
        message: options.message,
        source: options.source ?? {},
        ...(parent === undefined ? {} : { parent: { image, number: parent.number } }),
        totals: pass.entries.totals(used?.bytes ?? 0),
        packs: packIds,
      };
      const published = await publish(context, { task, manifest, entries, pack: used, seen: pass });
      if (published === "missing") {
        return published;
      }
      return { manifest, created: true, read: pass.read };
    });
  } finally {
    await previous?.close();
  }
}

async function openNewest(context: StoreContext, image: ImageName): Promise<OpenVersion | undefined> {
  const newest = (await versionNumbers(context.paths, image)).at(-1);
  return newest === undefined ? undefined : openVersion(context, { image, number: newest });
}

async function publish(
  context: StoreContext,
  version: {
    readonly task: CommitTask;
    readonly manifest: Manifest;
    readonly entries: Iterable<StoredEntry>;
    readonly pack: WrittenPack | undefined;
    readonly seen: TreePass;
  },
): Promise<"published" | "missing"> {
  const { task, manifest, entries, pack: written, seen } = version;
  const signal = task.options.signal === undefined ? {} : { signal: task.options.signal };
  const pack = written === undefined ? {} : { pack: { id: written.id, file: packFileIn(task.work) } };
  task.options.onProgress?.({ phase: "publish" });
  const holder = `commit of ${formatVersion(manifest)}`;
  if (task.fresh === true) {
    const versions = await makeVersionsFolder(task.work);
    await writeManifest(`${versions}/${manifestName(manifest.number)}`, { manifest, entries, ...signal });
    await writeSeen(`${versions}/${treeIndexName}`, { task, pass: seen, manifest });
    return placeImage(context, {
      work: task.work,
      to: task.image,
      packs: manifest.packs,
      holder,
      ...pack,
      ...signal,
    });
  }
  const manifestFile = `${task.work}/manifest`;
  await writeManifest(manifestFile, { manifest, entries, ...signal });
  await syncFolder(task.work);
  const published = await whileOnlyPublisher(context, {
    holder,
    ...signal,
    work: async () => {
      const result = await publishVersion(context, { manifest, manifestFile, ...pack });
      await collectGarbage(context);
      return result;
    },
  });
  if (published === "published") {
    // The version is there: that the next commit must read more is no failure of this one.
    await rememberTree(context, { task, pass: seen, manifest }).catch((error: unknown) => {
      context.log.warn("The tree index was not written", { image: task.image, error: String(error) });
    });
  }
  return published;
}
