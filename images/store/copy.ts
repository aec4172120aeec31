/** Copies a version to a new image: its tree is unpacked, its content is shared. */
import { mkdir, rm } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { formatVersion, type ImageName, type Manifest, type VersionRef } from "../manifest.ts";
import { planSync } from "../sync/plan.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder } from "./durable-file.ts";
import type { StoredEntry } from "./entry-line.ts";
import { applyVersion, rememberExactTree, wholeVersion } from "./exact-tree.ts";
import { treeIn } from "./interrupted.ts";
import { writeManifest } from "./manifest-file.ts";
import { openVersion, storedEntries } from "./open-version.ts";
import { makeVersionsFolder, placeImage, refuseExisting } from "./placing.ts";
import type { ReplaceOptions } from "./store.ts";
import { manifestName, treeIndexName } from "./store-paths.ts";
import type { TreeTask } from "./tree-pass.ts";
import { tableOf } from "./version-members.ts";

/** Makes image `to`, whose first version is `from`; the caller holds `to`. */
export async function copyVersion(
  context: StoreContext,
  request: { readonly from: VersionRef; readonly to: ImageName },
  options: ReplaceOptions,
): Promise<Manifest> {
  const { to } = request;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const replace = options.replace === true;
  if (!replace) {
    await refuseExisting(context, to);
  }
  const version = await openVersion(context, request.from);
  const work = await makeWorkFolder(context.paths.temporary);
  try {
    const { image, number } = version.manifest;
    const tree = treeIn(work);
    const task: TreeTask = { image: to, tree, work, options };
    await mkdir(tree);
    const table = await tableOf(version, signal);
    const actions = [
      ...planSync({
        source: wholeVersion(table),
        target: [],
        options: { deleteExtraneous: false },
      }),
    ];
    await applyVersion({ version, table, tree, actions, options });
    const manifest: Manifest = {
      ...version.manifest,
      image: to,
      number: 1,
      created: context.clock.now(),
      message: `copy of ${formatVersion({ image, number })}: ${version.manifest.message}`,
      parent: { image, number },
      totals: { ...version.manifest.totals, stored: 0 },
    };
    const entries: StoredEntry[] = [];
    for await (const batch of storedEntries(version, signal)) {
      entries.push(...batch);
    }
    const versions = await makeVersionsFolder(work);
    await writeManifest(`${versions}/${manifestName(1)}`, { manifest, entries, ...signal });
    await rememberExactTree(context, { task, table, manifest, file: `${versions}/${treeIndexName}` });
    const holder = `copy of ${formatVersion({ image, number })} to ${to}`;
    if (
      (await placeImage(context, { work, to, packs: manifest.packs, holder, replace, ...signal })) ===
      "missing"
    ) {
      throw new AppError(
        "conflict",
        `Version ${formatVersion({ image, number })} was removed while it was copied`,
      );
    }
    return manifest;
  } finally {
    await version.close();
    await rm(work, { recursive: true, force: true });
  }
}
