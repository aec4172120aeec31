/** Gives an image another name: every manifest names its image, so each is written anew. */
import { rm } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { ImageName, Manifest } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder, readIfThere, writeNewFile } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import { readManifest, readStoredEntries, writeManifest } from "./manifest-file.ts";
import { refuseMounts } from "./mounts.ts";
import { versionNumbers } from "./open-version.ts";
import { makeVersionsFolder, placeImage, refuseExisting } from "./placing.ts";
import type { ReplaceOptions } from "./store.ts";
import {
  manifestName,
  manifestPathOf,
  tagsName,
  tagsPathOf,
  treeIndexName,
  treeIndexPathOf,
  treePathOf,
} from "./store-paths.ts";
import { movedTreeIndex } from "./tree-index.ts";

/** Moves an image; the caller holds both names. */
export async function moveImage(
  context: StoreContext,
  request: { readonly from: ImageName; readonly to: ImageName },
  options: ReplaceOptions,
): Promise<readonly Manifest[]> {
  const { from, to } = request;
  const { paths } = context;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  await refuseMounts(treePathOf(paths, from), `move image ${from}`);
  const replace = options.replace === true;
  if (!replace) {
    await refuseExisting(context, to);
  }
  const work = await makeWorkFolder(paths.temporary);
  try {
    const versions = await makeVersionsFolder(work);
    const numbers = await versionNumbers(paths, from);
    const moved: Manifest[] = [];
    for (const number of numbers) {
      options.onProgress?.({ phase: "rename", files: moved.length, filesTotal: numbers.length });
      const id = { image: from, number };
      const manifest = renamed(await readManifest(manifestPathOf(paths, id), id), request);
      const entries: StoredEntry[] = [];
      for await (const batch of readStoredEntries(manifestPathOf(paths, id), { version: id, ...signal })) {
        entries.push(...batch);
      }
      await writeManifest(`${versions}/${manifestName(number)}`, { manifest, entries, ...signal });
      moved.push(manifest);
    }
    const tags = await readIfThere(tagsPathOf(paths, from));
    if (tags !== undefined) {
      await writeNewFile(`${versions}/${tagsName}`, tags);
    }
    const index = await readIfThere(treeIndexPathOf(paths, from));
    if (index !== undefined) {
      await writeNewFile(`${versions}/${treeIndexName}`, movedTreeIndex(index, to));
    }
    const packs = [...new Set(moved.flatMap((manifest) => manifest.packs))];
    const holder = `move of ${from} to ${to}`;
    if ((await placeImage(context, { work, to, from, packs, holder, replace, ...signal })) === "missing") {
      throw new AppError("corrupt", `Cannot move image ${from}: a pack of it is missing`, {
        hint: `Run 'ingot image verify ${from}' and restore what is missing from a backup.`,
      });
    }
    return moved;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function renamed(manifest: Manifest, names: { readonly from: ImageName; readonly to: ImageName }): Manifest {
  const { parent } = manifest;
  return {
    ...manifest,
    image: names.to,
    ...(parent === undefined || parent.image !== names.from
      ? {}
      : { parent: { ...parent, image: names.to } }),
  };
}
