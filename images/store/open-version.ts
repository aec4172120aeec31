/** Finding versions on disk, and opening one with its packs. */

import { createHash } from "node:crypto";
import { toHex } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { FileEntry } from "../entry.ts";
import {
  formatVersion,
  type ImageName,
  type Manifest,
  parseImageName,
  type VersionId,
  type VersionRef,
} from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { namesIn } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import { readManifest, readStoredEntries } from "./manifest-file.ts";
import { closePacks, openPacks, type PackFile } from "./pack-file.ts";
import { memberDigest } from "./pack-index.ts";
import {
  manifestNumber,
  manifestPathOf,
  packPathOf,
  type StorePaths,
  versionsPathOf,
} from "./store-paths.ts";
import { readTags } from "./tag-file.ts";

/** The numbers of an image's versions, rising. */
export async function versionNumbers(paths: StorePaths, image: ImageName): Promise<readonly number[]> {
  const names = await namesIn(versionsPathOf(paths, image));
  return names
    .map(manifestNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
}

/** Every image that has a tree or versions, by name. */
export async function imageNames(paths: StorePaths): Promise<readonly ImageName[]> {
  const names = new Set([...(await namesIn(paths.images)), ...(await namesIn(paths.versions))]);
  return [...names]
    .sort((a, b) => (a < b ? -1 : 1))
    .map(parseImageName)
    .flatMap((name) => (name.ok ? [name.value] : []));
}

/** The version that `ref` means. */
export async function resolveVersion(paths: StorePaths, ref: VersionRef): Promise<VersionId> {
  const numbers = await versionNumbers(paths, ref.image);
  const tags = await readTags(paths, ref.image);
  const number = ref.number ?? (ref.tag === undefined ? numbers.at(-1) : tags.get(ref.tag));
  if (number !== undefined && numbers.includes(number)) {
    return { image: ref.image, number };
  }
  if (numbers.length > 0) {
    throw new AppError("not-found", `Version ${formatVersion(ref)} does not exist`, {
      hint: `Image ${ref.image} has the versions ${numbers.join(", ")}${tags.size === 0 ? "" : ` and the tags ${[...tags.keys()].join(", ")}`}.`,
    });
  }
  const known = (await imageNames(paths)).includes(ref.image);
  throw new AppError(
    "not-found",
    known ? `Image ${ref.image} has no version yet` : `Image ${ref.image} does not exist`,
    {
      hint: known
        ? `Commit its tree: ingot image commit ${ref.image}`
        : "'ingot image list' shows what there is.",
    },
  );
}

/** A version with its packs open: it can be read to the end though it be removed meanwhile. */
export interface OpenVersion {
  readonly manifest: Manifest;
  readonly file: string;
  readonly packs: readonly PackFile[];
  close(): Promise<void>;
}

export async function openVersion(
  { paths, indexes }: Pick<StoreContext, "paths" | "indexes">,
  ref: VersionRef,
): Promise<OpenVersion> {
  const id = await resolveVersion(paths, ref);
  const file = manifestPathOf(paths, id);
  const manifest = await readManifest(file, id);
  try {
    const packs = await openPacks(manifest.packs, {
      fileOf: (pack) => packPathOf(paths, pack),
      indexes,
    });
    return { manifest, file, packs, close: () => closePacks(packs) };
  } catch (error) {
    if (error instanceof AppError && error.code === "corrupt") {
      throw new AppError("corrupt", `Version ${formatVersion(id)} cannot be read: ${error.message}`, {
        cause: error,
        hint: "Restore the pack from a backup of the state folder.",
        fields: { image: id.image, version: id.number },
      });
    }
    throw error;
  }
}

/** The entries of an open version in batches, in path order; checked to be those that were written when the last has come. */
export function storedEntries(
  version: OpenVersion,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<readonly StoredEntry[]> {
  return readStoredEntries(version.file, { version: version.manifest, ...options });
}

const emptyDigest = createHash("sha256").digest("hex");

/** The entry complete with its content's digest, which the pack's index has. */
export function entryWithDigest(stored: StoredEntry, version: OpenVersion): FileEntry {
  const { entry, place } = stored;
  if (entry.kind !== "file") {
    return entry;
  }
  if (entry.size === 0) {
    return { ...entry, digest: emptyDigest };
  }
  const pack = place === undefined ? undefined : version.packs[place.pack];
  const digest =
    pack === undefined || place === undefined ? undefined : memberDigest(pack.index, place.member);
  if (digest === undefined) {
    throw new AppError(
      "corrupt",
      `Version ${formatVersion(version.manifest)} is damaged: no pack has the content of one of its files`,
      { fields: { path: entry.path } },
    );
  }
  return { ...entry, digest: toHex(digest) };
}
