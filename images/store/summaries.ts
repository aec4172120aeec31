/** What there is: images, versions, and how large they are on disk. */
import { stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { formatVersion, type ImageName, type Manifest } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { lockHolder } from "./lock-file.ts";
import { readManifest } from "./manifest-file.ts";
import { imageNames, versionNumbers } from "./open-version.ts";
import type { ImageSummary, VersionDetails } from "./store.ts";
import { manifestPathOf, packPathOf } from "./store-paths.ts";
import { readTags } from "./tag-file.ts";

export async function listImages(context: StoreContext): Promise<readonly ImageSummary[]> {
  const { paths } = context;
  const summaries: ImageSummary[] = [];
  for (const image of await imageNames(paths)) {
    const numbers = await versionNumbers(paths, image);
    const number = numbers.at(-1);
    const lockedBy = await lockHolder(paths.locks, image);
    const newest = number === undefined ? undefined : await manifestOf(context, { image, number });
    summaries.push({
      image,
      versions: numbers.length,
      ...(newest === undefined ? {} : { newest }),
      ...(lockedBy === undefined ? {} : { lockedBy }),
    });
  }
  return summaries;
}

export async function imageHistory(context: StoreContext, image: ImageName): Promise<readonly Manifest[]> {
  const numbers = await versionNumbers(context.paths, image);
  if (numbers.length === 0) {
    await mustExist(context, image);
  }
  const manifests: Manifest[] = [];
  for (const number of numbers) {
    manifests.push(await manifestOf(context, { image, number }));
  }
  return manifests;
}

/** A version with what it takes on disk, alone and shared with others. */
export async function versionDetails(context: StoreContext, manifest: Manifest): Promise<VersionDetails> {
  const { paths } = context;
  const others = new Set<string>();
  for (const image of await imageNames(paths)) {
    for (const other of await imageHistory(context, image)) {
      if (formatVersion(other) !== formatVersion(manifest)) {
        other.packs.forEach((pack) => {
          others.add(pack);
        });
      }
    }
  }
  let packBytes = 0;
  let ownPackBytes = 0;
  for (const pack of manifest.packs) {
    const size = (await stat(packPathOf(paths, pack)).catch(() => undefined))?.size ?? 0;
    packBytes += size;
    ownPackBytes += others.has(pack) ? 0 : size;
  }
  const tags = [...(await readTags(paths, manifest.image))]
    .filter(([, number]) => number === manifest.number)
    .map(([tag]) => tag);
  return { manifest, packBytes, ownPackBytes, tags };
}

export function manifestOf(
  context: StoreContext,
  id: { readonly image: ImageName; readonly number: number },
): Promise<Manifest> {
  return readManifest(manifestPathOf(context.paths, id), id);
}

/** Throws `not-found` where there is neither a tree nor a version of this name. */
export async function mustExist(context: StoreContext, image: ImageName): Promise<void> {
  if (!(await imageNames(context.paths)).includes(image)) {
    throw new AppError("not-found", `Image ${image} does not exist`, {
      hint: "'ingot image list' shows what there is.",
    });
  }
}
