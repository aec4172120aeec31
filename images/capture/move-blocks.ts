/** The part of a pass that brings changed files of some size to what they are on the client by their changed blocks alone. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { Timestamp } from "../entry.ts";
import { limitRate } from "../remote/session-options.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { applyToTree } from "../tree/apply.ts";
import { askFrom, type BlockFile, blockSize } from "./block-plan.ts";
import { askBlocks, streamBlocks, wireBytes } from "./blocks.ts";
import type { PassInput } from "./pass.ts";
import { isRecent, type Stretch } from "./still.ts";

export interface MovedBlocks {
  /** The plan without what is done with. */
  readonly rest: Iterable<SyncAction>;
  readonly written: number;
  /** Content bytes that came over the wire. */
  readonly bytes: number;
  readonly torn: readonly RelPath[];
}

type Write = Extract<SyncAction, { readonly kind: "write" }>;

interface Trees {
  readonly actions: Iterable<SyncAction>;
  readonly listed: EntryTable;
  readonly present: EntryTable;
  /** From the beginning of the pass until the client was listed. */
  readonly stretch: Stretch;
}

/** What would not hold still is read whole, with a guard around it, unless it is larger. */
const readWhole = 64 * 1024 * 1024;

export async function moveBlocks(input: PassInput, trees: Trees): Promise<MovedBlocks> {
  const { session, plan, tree, tools, signal } = input;
  const waiting = signal === undefined ? {} : { signal };
  // Whether a file held still is asked of find, which must be one that prints times.
  const wanted = tools.sha256sum && tools.lister !== "stat" ? candidates(input, trees) : [];
  const place = { session, root: plan.root, tree, ...waiting };
  const files =
    wanted.length === 0
      ? []
      : await askBlocks(
          { ...place, tools, program: tools.b2sum === true ? "b2sum" : "sha256sum" },
          wanted.map(({ file }) => file),
        );
  if (files.length === 0) {
    return { rest: trees.actions, written: 0, bytes: 0, torn: [] };
  }
  const paths = new Set(files.map((file) => file.entry.path));
  const moving = await streamBlocks({ ...place, hold: (source) => held(input, source) }, files);
  const result = await applyToTree({
    root: tree,
    actions: wanted.map(({ action }) => action).filter((action) => paths.has(action.entry.path)),
    tar: moving.tar,
    afterStream: async () => ({ torn: await moving.torn() }),
    onEntry: input.onEntry,
    ...waiting,
  });
  return {
    rest: { [Symbol.iterator]: () => without(trees.actions, paths) },
    written: result.written,
    bytes: wireBytes(files),
    torn: result.torn,
  };
}

/** Holds content to the rate that the capture may take. */
export function held(input: PassInput, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { limit, clock, signal } = input;
  return limit === undefined
    ? source
    : limitRate(source, { rate: limit, clock, ...(signal === undefined ? {} : { signal }) });
}

/** Regular files to be written that the image has an older one of. Files with holes go as they are: tar keeps the holes. */
function candidates(
  input: PassInput,
  trees: Trees,
): readonly { readonly action: Write; readonly file: BlockFile }[] {
  const found: { readonly action: Write; readonly file: BlockFile }[] = [];
  const linked = new Set<RelPath>();
  for (const action of trees.actions) {
    if (action.kind !== "write") {
      continue;
    }
    const { entry } = action;
    if (entry.kind === "hardlink") {
      linked.add(entry.target);
    } else if (entry.kind === "file" && entry.size >= askFrom) {
      const client = trees.listed.find(entry.path);
      const standing = trees.present.find(entry.path)?.entry;
      const full = client !== undefined && client.allocated >= entry.size;
      const restless =
        full &&
        (isRecent(client.ctime, trees.stretch) || (input.suspects.has(entry.path) && entry.size < readWhole));
      if (full && !restless && standing?.kind === "file" && standing.size >= askFrom) {
        found.push({
          action,
          file: { entry, block: blockSize(entry.size), ctime: findTime(client.ctime) },
        });
      }
    }
  }
  // Of several names for one file the others are linked to it in the same step.
  return found.filter(({ action }) => !linked.has(action.entry.path));
}

function* without(actions: Iterable<SyncAction>, done: ReadonlySet<RelPath>): Generator<SyncAction> {
  for (const action of actions) {
    if (action.kind === "delete" || !done.has(action.entry.path)) {
      yield action;
    }
  }
}

/** As GNU find prints a time: ten digits behind the point. */
function findTime(time: Timestamp): string {
  return `${time.seconds}.${String(time.nanoseconds).padStart(9, "0")}0`;
}
