/** Makes a tree exactly what a version says, and remembers that it is. */
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { formatVersion, type Manifest } from "../manifest.ts";
import type { SyncAction } from "../sync/actions.ts";
import { isStreamed, summarise } from "../sync/plan.ts";
import { type ApplyResult, applyToTree } from "../tree/apply.ts";
import { scanTree } from "../tree/scan.ts";
import { planCommit, sameEntry } from "./commit-plan.ts";
import type { StoreContext } from "./context.ts";
import { entryWithDigest, type OpenVersion, storedEntries } from "./open-version.ts";
import type { WaitOptions } from "./store.ts";
import { seenMark, settlingTime } from "./tree-index.ts";
import { type TreeTask, writeSeen } from "./tree-pass.ts";
import { versionMembers } from "./version-members.ts";

/** All entries of a version, with digests. */
export async function wholeVersion(
  version: OpenVersion,
  options: { readonly signal?: AbortSignal },
): Promise<readonly FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const batch of storedEntries(version, options)) {
    for (const stored of batch) {
      entries.push(entryWithDigest(stored, version));
    }
  }
  return entries;
}

/** Carries out a plan whose source is a version. */
export async function applyVersion(
  context: StoreContext,
  request: {
    readonly version: Manifest;
    readonly tree: string;
    readonly actions: readonly SyncAction[];
    readonly options: WaitOptions;
  },
): Promise<ApplyResult> {
  const { version, tree, actions, options } = request;
  const { onProgress } = options;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { image, number } = version;
  const paths = actions
    .filter(isStreamed)
    .flatMap((action) => (action.kind === "write" ? [action.entry.path] : []));
  const totals = { filesTotal: paths.length, bytesTotal: summarise(actions).bytes };
  const result = await applyToTree({
    root: tree,
    actions,
    tar: versionMembers(context, { ref: { image, number }, paths, ...signal }),
    onProgress: (progress) => onProgress?.({ ...totals, ...progress, phase: "unpack" }),
    ...signal,
  });
  const [missing] = [...result.torn, ...result.vanished, ...result.kept];
  if (missing !== undefined) {
    throw new AppError(
      "io",
      `Cannot make the tree what ${formatVersion(version)} is: '${escapePath(missing)}' could not be written`,
      { hint: "See that nothing else writes into the tree, and try again." },
    );
  }
  return result;
}

/** Lists the tree once more, checks that it is the version's, and writes the index by which the next commit knows it. */
export async function rememberExactTree(
  context: StoreContext,
  request: {
    readonly task: TreeTask;
    readonly version: OpenVersion;
    readonly manifest: Manifest;
    readonly file: string;
  },
): Promise<void> {
  const { task, version, manifest, file } = request;
  const signal = task.options.signal === undefined ? {} : { signal: task.options.signal };
  // What was written a moment ago would not be trusted, and the next commit would read all of it again.
  await context.clock.sleep(settlingTime, task.options.signal);
  const scanned = context.clock.now();
  const listed = await scanTree(task.tree, { oneFileSystem: true, ...signal });
  const entries = [];
  for await (const batch of storedEntries(version, signal)) {
    entries.push(...batch);
  }
  const plan = planCommit(listed, { entries, seen: undefined, mark: seenMark });
  const wrong = plan.pending.find(
    ({ listed: item, before }) => before === undefined || !sameEntry(item.entry, before.entry),
  );
  if (wrong !== undefined || plan.removed > 0) {
    const what =
      wrong === undefined
        ? `${plan.removed} entries are missing`
        : `'${escapePath(wrong.listed.entry.path)}' differs`;
    throw new AppError(
      "io",
      `The tree of image ${task.image} is not what ${formatVersion(manifest)} is: ${what}`,
      {
        hint: "See that nothing else writes into the tree, and try again.",
      },
    );
  }
  await writeSeen(file, { task, pass: { plan, scanned }, manifest });
}
