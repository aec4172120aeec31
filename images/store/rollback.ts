/** Makes an image's tree what one of its versions is. */
import { mkdir, rm, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { FileEntry } from "../entry.ts";
import { formatVersion, type Manifest, type VersionId } from "../manifest.ts";
import { planSync, summarise } from "../sync/plan.ts";
import type { CommitPlan } from "./commit-plan.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder } from "./durable-file.ts";
import { applyVersion, rememberExactTree, wholeVersion } from "./exact-tree.ts";
import { refuseMounts } from "./mounts.ts";
import { type OpenVersion, openVersion } from "./open-version.ts";
import type { RollbackOptions, RollbackResult } from "./store.ts";
import { treeIndexPathOf, treePathOf } from "./store-paths.ts";
import { openTreeVersion, planTree, rememberTree, type TreeTask, withTreePass } from "./tree-pass.ts";
import { tableOf } from "./version-members.ts";

/** Rolls the tree back; the caller holds the image. */
export async function rollbackTree(
  context: StoreContext,
  id: VersionId,
  options: RollbackOptions,
): Promise<RollbackResult> {
  const { image } = id;
  const tree = treePathOf(context.paths, image);
  await refuseMounts(tree, `roll back image ${image}`);
  const there = await stat(tree).catch(() => undefined);
  const work = await makeWorkFolder(context.paths.temporary);
  const task: TreeTask = { image, tree, work, options };
  const target = await openVersion(context, id);
  const base = await openTreeVersion(context, image);
  try {
    if (there === undefined) {
      await mkdir(tree, { recursive: true });
    } else if (options.discard !== true) {
      await refuseChanges(context, { task, base });
    }
    return await rollback(context, { task, base, target });
  } finally {
    await base?.close();
    await target.close();
    await rm(work, { recursive: true, force: true });
  }
}

async function refuseChanges(
  context: StoreContext,
  state: { readonly task: TreeTask; readonly base: OpenVersion | undefined },
): Promise<void> {
  const { task, base } = state;
  const changed = await withTreePass(context, { ...task, previous: base }, async (pass) => {
    if (!pass.changed && base !== undefined) {
      await rememberTree(context, { task, pass, manifest: base.manifest });
    }
    return pass.changed;
  });
  if (changed) {
    const { image } = task;
    throw new AppError("refused", `The tree of image ${image} has changes that are in no version`, {
      hint: `Keep them with 'ingot image commit ${image}', or say --discard to lose them.`,
      fields: { image },
    });
  }
}

async function rollback(
  context: StoreContext,
  state: { readonly task: TreeTask; readonly base: OpenVersion | undefined; readonly target: OpenVersion },
): Promise<RollbackResult> {
  const { task, base, target } = state;
  const { options } = task;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  options.onProgress?.({ phase: "compare" });
  const plan = await planTree(context, { ...task, previous: base });
  const table = await tableOf(target, signal);
  const actions = [
    ...planSync({
      source: wholeVersion(table),
      target: standing(plan),
      options: {
        deleteExtraneous: true,
        // What is not known to be as it was committed may differ in content or attributes that no listing shows.
        recheck: (_source, entry) => !plan.unchanged.has(plan.listed.indexOf(entry.path)),
      },
    }),
  ];
  const manifest: Manifest = target.manifest;
  await applyVersion({ version: target, table, tree: task.tree, actions, options });
  const file = treeIndexPathOf(context.paths, task.image);
  await rememberExactTree(context, { task, table, manifest, file });
  context.log.info("Rolled an image's tree back", { version: formatVersion(manifest) });
  return { manifest, summary: summarise(actions) };
}

/** What stands in the tree, with what the version before knows of it. */
function standing({ listed, version, before, unchanged }: CommitPlan): Iterable<FileEntry> {
  return {
    *[Symbol.iterator]() {
      for (let place = 0; place < listed.length; place++) {
        const known = unchanged.has(place) ? version?.entryAt(before[place] ?? -1) : undefined;
        yield known ?? listed.entryAt(place);
      }
    },
  };
}
