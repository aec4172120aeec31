/** The part of a pass that brings changed files of some size to what they are on the client by their changed blocks alone. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntryRegular } from "../entry.ts";
import { limitRate } from "../remote/session-options.ts";
import type { SyncAction } from "../sync/actions.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { type ApplyResult, applyMade, applyToTree } from "../tree/apply.ts";
import { askFrom, type BlockedFile, type BlockFile, blockSize, findTime } from "./block-plan.ts";
import { askBlocks, type Fetching, fetchBlocks, streamBlocks, wireBytes } from "./blocks.ts";
import { composeFiles, isComposable } from "./compose.ts";
import type { PassInput } from "./pass.ts";
import { standingMarks, treeName } from "./standing-blocks.ts";
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
  // Whether a file held still is asked of find, which must be one that prints times; its metadata of tar, whose must have fractions.
  const able = tools.sha256sum && tools.lister !== "stat" && tools.busyboxTar !== true;
  const wanted = able ? candidates(input, trees) : [];
  const place = { session, root: plan.root, tree, ...waiting };
  const asked =
    wanted.length === 0
      ? []
      : await askBlocks(
          {
            ...{ ...place, tools, known: input.blocks },
            program: tools.b2sum === true ? "b2sum" : "sha256sum",
          },
          wanted.map(({ file }) => file),
        );
  const files = asked.map((file) => ({ ...file, member: asSelected(file.member, input) }));
  if (files.length === 0) {
    return { rest: trees.actions, written: 0, bytes: 0, torn: [] };
  }
  const moving: Moving = {
    ...{ ...place, wanted, hold: (source) => held(input, source) },
    onEntry: input.onEntry,
  };
  const made = await compose(moving, files.filter(isComposable));
  const sent = await send(
    moving,
    files.filter((file) => !isComposable(file)),
  );
  const torn = [...made.torn, ...sent.torn];
  noteBlocks(input, { files, torn: new Set(torn) });
  const paths = new Set(files.map((file) => file.entry.path));
  return {
    rest: { [Symbol.iterator]: () => without(trees.actions, paths) },
    written: made.written + sent.written,
    bytes: wireBytes(files),
    torn,
  };
}

/** The member with the attributes that are taken. */
function asSelected(member: FileEntryRegular, { attributes }: PassInput): FileEntryRegular {
  return attributes === undefined || member.extended === undefined
    ? member
    : { ...member, extended: attributes.sent(member.path, member.extended) };
}

interface Moving extends Fetching {
  readonly wanted: readonly { readonly action: Write }[];
  readonly onEntry: PassInput["onEntry"];
}

type Moved = Pick<ApplyResult, "written" | "torn">;

/** Makes files of the tree's copies and the client's blocks. Nobody digests them: the commit, which reads them to store them, does. */
async function compose(moving: Moving, files: readonly BlockedFile[]): Promise<Moved> {
  if (files.length === 0) {
    return { written: 0, torn: [] };
  }
  const { wire, changed } = await fetchBlocks(moving, files);
  return await applyMade(
    {
      root: moving.tree,
      actions: actionsOf(moving, files),
      afterStream: async () => ({ torn: await changed() }),
      onEntry: moving.onEntry,
      ...(moving.signal === undefined ? {} : { signal: moving.signal }),
    },
    (root) => composeFiles(root, files, wire),
  );
}

/** Puts files together as tar members. */
async function send(moving: Moving, files: readonly BlockedFile[]): Promise<Moved> {
  if (files.length === 0) {
    return { written: 0, torn: [] };
  }
  const { tar, torn } = await streamBlocks(moving, files);
  return await applyToTree({
    root: moving.tree,
    actions: actionsOf(moving, files),
    tar,
    afterStream: async () => ({ torn: await torn() }),
    onEntry: moving.onEntry,
    ...(moving.signal === undefined ? {} : { signal: moving.signal }),
  });
}

function actionsOf({ wanted }: Moving, files: readonly BlockedFile[]): readonly Write[] {
  const paths = new Set(files.map((file) => file.entry.path));
  return wanted.map(({ action }) => action).filter((action) => paths.has(action.entry.path));
}

/** Remembers the blocks of what stands in the tree now, for the next capture and for updates. */
function noteBlocks(
  input: PassInput,
  moved: { readonly files: readonly BlockedFile[]; readonly torn: ReadonlySet<RelPath> },
): void {
  const whole = moved.files.filter((file) => !moved.torn.has(file.entry.path));
  for (const [file, mark] of standingMarks(input.tree, whole)) {
    input.blocks.set(treeName(mark), file, file.digests);
    input.onBlocks(file);
  }
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
