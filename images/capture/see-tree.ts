/** Notes what stands in the image tree after a pass beside what was listed on the client: what the next capture compares with. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import type { ActionTable } from "../sync/plan-tables.ts";
import { TreeRoot } from "../tree/root.ts";
import { scanTable } from "../tree/scan.ts";
import { type SeenEntry, seenWord } from "./history.ts";
import { layoutFolder, layoutPath } from "./layout-file.ts";
import { SeenTable } from "./seen-table.ts";

export interface PassTrees {
  /** What was listed on the client, and in the tree before the pass. */
  readonly listed: EntryTable;
  readonly present: EntryTable;
  readonly actions: ActionTable;
  /** Not in the tree as they were listed: they are read again. */
  readonly torn: readonly RelPath[];
  readonly vanished: readonly RelPath[];
}

/** Pairs the two sides. The tree is listed again where much of it changed; else what changed is looked at alone. */
export async function seeTree(
  tree: string,
  pass: PassTrees,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SeenTable> {
  const touched = touchedPaths(pass);
  if (touched === undefined) {
    return pair(pass, await scanTable(tree, options), () => undefined);
  }
  const root = new TreeRoot(tree);
  try {
    return pair(pass, pass.present, (path) =>
      touched.has(path) ? (root.identity(path) ?? gone) : undefined,
    );
  } finally {
    root.close();
  }
}

const gone = "gone";

/** What has another ctime after the pass than before it; undefined where that is much, or where other names of it have too. */
function touchedPaths(pass: PassTrees): ReadonlySet<RelPath> | undefined {
  const { actions, present } = pass;
  if (actions.length * 4 > present.length) {
    return undefined;
  }
  const touched = new Set<RelPath>(["" as RelPath, layoutPath, layoutFolder, parentPath(layoutFolder)]);
  for (const action of actions) {
    const path = action.kind === "delete" ? action.path : action.entry.path;
    const standing = present.find(path);
    const linked = action.kind !== "delete" && action.entry.kind === "hardlink";
    if (linked || (standing !== undefined && standing.entry.kind !== "directory" && standing.linkCount > 1)) {
      return undefined;
    }
    touched.add(path);
    touched.add(parentPath(path));
  }
  return touched;
}

function pair(
  pass: PassTrees,
  standing: EntryTable,
  now: (path: RelPath) => SeenEntry | typeof gone | undefined,
): SeenTable {
  const missed = new Set([...pass.torn, ...pass.vanished]);
  const seen = new SeenTable();
  let place = 0;
  for (const client of pass.listed) {
    const { path } = client.entry;
    while (place < standing.length && standing.entryAt(place).path < path) {
      place += 1;
    }
    const looked = now(path);
    const copy = place < standing.length ? standing.at(place) : undefined;
    const tree = looked ?? (copy?.entry.path === path ? copy : gone);
    if (tree !== gone && !missed.has(path)) {
      seen.add(path, seenWord(client), seenWord(tree));
    }
  }
  return seen;
}
