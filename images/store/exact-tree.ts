/** Makes a tree exactly what a version says, and remembers that it is. */
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import { formatVersion, type Manifest } from "../manifest.ts";
import type { SyncAction } from "../sync/actions.ts";
import { isStreamed, summarise } from "../sync/plan.ts";
import { encodeMember, endOfArchive } from "../tar/encode.ts";
import { type ApplyResult, applyToTree } from "../tree/apply.ts";
import { scanTable } from "../tree/scan.ts";
import { type CommitPlan, isAsBefore, planCommit } from "./commit-plan.ts";
import type { StoreContext } from "./context.ts";
import type { OpenVersion } from "./open-version.ts";
import type { WaitOptions } from "./store.ts";
import { inStoredOrder } from "./stored-order.ts";
import { settlingTime } from "./tree-index.ts";
import { type TreeTask, writeSeen } from "./tree-pass.ts";
import type { VersionTable } from "./version-table.ts";
import { WantedMembers } from "./wanted-members.ts";

/** All entries of a version's table, with digests; can be iterated again and again. */
export function wholeVersion(table: VersionTable): Iterable<FileEntry> {
  return {
    *[Symbol.iterator]() {
      for (let place = 0; place < table.length; place++) {
        yield table.entryAt(place);
      }
    },
  };
}

/** Carries out a plan whose source is a version. */
export async function applyVersion(request: {
  readonly version: OpenVersion;
  /** The version's own. */
  readonly table: VersionTable;
  readonly tree: string;
  readonly actions: readonly SyncAction[];
  readonly options: WaitOptions;
  /** Told of each read of a pack. */
  readonly onRead?: (frames: number) => void;
}): Promise<ApplyResult> {
  const { version, table, tree, options, onRead } = request;
  const { onProgress } = options;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { directories, wanted, actions } = asStored(request.actions, version, table);
  const filesTotal = actions.filter(isStreamed).length;
  const totals = { filesTotal, bytesTotal: summarise(actions).bytes };
  async function* members(): AsyncGenerator<Uint8Array> {
    for (const entry of directories) {
      yield encodeMember(entry);
    }
    yield* inStoredOrder(version, wanted, { ...signal, ...(onRead === undefined ? {} : { onRead }) });
    yield endOfArchive;
  }
  const result = await applyToTree({
    root: tree,
    actions,
    tar: members(),
    onProgress: (progress) => onProgress?.({ ...totals, ...progress, phase: "unpack" }),
    ...signal,
  });
  const [missing] = [...result.torn, ...result.vanished, ...result.kept];
  if (missing !== undefined) {
    throw new AppError(
      "io",
      `Cannot make the tree what ${formatVersion(version.manifest)} is: '${escapePath(missing)}' could not be written`,
      { hint: "See that nothing else writes into the tree, and try again." },
    );
  }
  return result;
}

/**
 * A plan in the order in which the store has what it needs: directories, so that everything finds its own; what has content, as it lies
 * in the packs; links to it; the rest as planned.
 */
function asStored(
  planned: readonly SyncAction[],
  version: OpenVersion,
  table: VersionTable,
): {
  readonly directories: readonly FileEntry[];
  readonly wanted: WantedMembers;
  readonly actions: readonly SyncAction[];
} {
  const directories: SyncAction[] = [];
  const members = new Map<number, SyncAction>();
  const rest: SyncAction[] = [];
  for (const action of planned) {
    if (action.kind !== "write" || !isStreamed(action)) {
      rest.push(action);
    } else if (action.entry.kind === "directory") {
      directories.push(action);
    } else {
      members.set(table.table.indexOf(action.entry.path), action);
    }
  }
  const indexes = version.packs.map((pack) => pack.index);
  const wanted = new WantedMembers(table, indexes, members.keys());
  const ordered = [...wanted].map((place) => members.get(place) as SyncAction);
  return {
    directories: directories.flatMap((action) => (action.kind === "write" ? [action.entry] : [])),
    wanted,
    actions: [...directories, ...ordered, ...rest],
  };
}

/** Lists the tree once more, checks that it is the version's, and writes the index by which the next commit knows it. */
export async function rememberExactTree(
  context: StoreContext,
  request: {
    readonly task: TreeTask;
    /** The version's own. */
    readonly table: VersionTable;
    readonly manifest: Manifest;
    readonly file: string;
  },
): Promise<void> {
  const { task, table, manifest, file } = request;
  const signal = task.options.signal === undefined ? {} : { signal: task.options.signal };
  // What was written a moment ago would not be trusted, and the next commit would read all of it again.
  await context.clock.sleep(settlingTime, task.options.signal);
  const scanned = context.clock.now();
  const listed = await scanTable(task.tree, { oneFileSystem: true, ...signal });
  const plan = planCommit(listed, table, () => false);
  const wrong = differing(plan);
  if (wrong !== undefined || plan.removed > 0) {
    const what =
      wrong === undefined ? `${plan.removed} entries are missing` : `'${escapePath(wrong)}' differs`;
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

/** The first entry of the tree that is not the version's. */
function differing({ listed, version, before }: CommitPlan): RelPath | undefined {
  for (let place = 0; place < listed.length; place++) {
    const at = before[place] ?? -1;
    if (version === undefined || at < 0 || !isAsBefore({ listed, version }, place, at)) {
      return listed.pathAt(place);
    }
  }
  return undefined;
}
