/** One pass of a capture: list the client, compare with the image tree, move what differs. */
import { statfs } from "node:fs/promises";
import { bothOf } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import { formatByteSize } from "../../base/quantity.ts";
import type { FileEntry } from "../entry.ts";
import { readFlags } from "../remote/flags.ts";
import { listRemoteTable } from "../remote/list.ts";
import type { PlanSummary, SyncAction } from "../sync/actions.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { withFlags } from "../sync/flags.ts";
import { LongPaths } from "../sync/long-paths.ts";
import { isStreamed, summarise } from "../sync/plan.ts";
import { type ActionTable, planTables } from "../sync/plan-tables.ts";
import { parseTarMessages } from "../sync/tar-messages.ts";
import { type ApplyResult, applyToTree } from "../tree/apply.ts";
import { noteFlags } from "../tree/metadata.ts";
import type { TarSender } from "../tree/receive.ts";
import { scanTable } from "../tree/scan.ts";
import { guardedTarCommand, memberNames, tarCommand } from "../tree/tar-tool.ts";
import type { ToolFacts } from "./facts.ts";
import { isUnchanged } from "./history.ts";
import { layoutFolder, layoutPath } from "./layout-file.ts";
import { held, moveBlocks } from "./move-blocks.ts";
import type { PassInput } from "./pass.ts";
import type { PassTrees } from "./see-tree.ts";
import { wholeMembers } from "./short-members.ts";
import { clientTime, type Moved, movedSince, readGuards, stretchFrom } from "./still.ts";
import { listerOf } from "./tool-limits.ts";

export interface PassResult extends ApplyResult, PassTrees {
  readonly summary: PlanSummary;
  /** Changed or came on the client since it was listed, however well it was read. */
  readonly moved: readonly RelPath[];
  readonly warnings: readonly string[];
}

/** Makes the pass. What was torn or vanished while it was read is named in the result and not stored. */
export async function capturePass(input: PassInput): Promise<PassResult> {
  const { session, plan, tree, onProgress, signal } = input;
  const waiting = signal === undefined ? {} : { signal };
  const stretch = stretchFrom(await clientTime(input), input.clock);
  const long = new LongPaths();
  const [listing, present] = await bothOf(
    listRemoteTable(session, {
      root: plan.root,
      prune: plan.prune,
      ...listerOf(input.tools),
      wanted: (path, directory) => !input.selection.excludes(path, directory) && long.fits(path),
      onCount: (files) => onProgress?.({ phase: "list", files, filesTotal: plan.entries }),
      ...waiting,
    }),
    scanTable(tree, waiting),
  );
  const actions = planPass(input, { listed: listing.table, present });
  const summary = summarise(actions);
  await checkSpace(tree, actions.spaceNeeded());
  const blocks = await moveBlocks(input, { actions, listed: listing.table, present, stretch: stretch() });
  const applied = await stream(input, {
    actions: blocks.rest,
    summary,
    fresh: present.length <= 1,
    isListed: (path) => listing.table.indexOf(path) >= 0,
    look: () => movedSince(input, { listed: listing.table, stretch: stretch() }),
  });
  return {
    ...applied.result,
    present,
    actions,
    written: applied.result.written + blocks.written,
    bytes: applied.result.bytes + blocks.bytes,
    torn: [...blocks.torn, ...applied.result.torn],
    listed: listing.table,
    moved: applied.moved,
    summary,
    warnings: [
      ...long.warnings("it is left out"),
      ...listing.complaints.filter((line) => !hasGone(line)),
      ...applied.complaints,
    ],
  };
}

/** Names that had gone when find came to them are no part of the machine any more. */
function hasGone(complaint: string): boolean {
  return complaint.endsWith(": No such file or directory");
}

function planPass(
  input: PassInput,
  trees: { readonly listed: EntryTable; readonly present: EntryTable },
): ActionTable {
  // The layout that Ingot wrote into the image stays where the client has none.
  const ours = new Set([layoutFolder, layoutPath].filter((path) => trees.listed.find(path) === undefined));
  return planTables({
    source: { table: trees.listed },
    target: { table: trees.present, as: (entry) => (ours.has(entry.path) ? undefined : entry) },
    options: {
      deleteExtraneous: true,
      recheck: (from, to) => {
        if (input.checksum === true || input.history === undefined) {
          return true;
        }
        const [client, tree] = [trees.listed.at(from), trees.present.at(to)];
        return input.suspects.has(client.entry.path) || !isUnchanged(input.history, { client, tree });
      },
    },
  });
}

/** Refuses before anything is moved where the server's disk cannot hold what will come. */
async function checkSpace(tree: string, needed: number): Promise<void> {
  const disk = await statfs(Buffer.from(tree, "latin1"));
  const free = disk.bavail * disk.bsize;
  if (needed > free) {
    throw new AppError(
      "no-space",
      `The capture needs ${formatByteSize(needed)} and only ${formatByteSize(free)} are free at ${tree}`,
      {
        hint: "Remove old versions or images, exclude what the image does not need, or put the state folder on a larger disk.",
        fields: { needed, free },
      },
    );
  }
}

interface Streaming {
  readonly actions: Iterable<SyncAction>;
  readonly summary: PlanSummary;
  /** Nothing is in the tree yet. Then the commit reads all of it anyway, and digests and attributes need not be kept for it. */
  readonly fresh: boolean;
  /** Whether the client has named an entry. */
  readonly isListed: (path: RelPath) => boolean;
  /** What changed on the client since it was listed. */
  readonly look: () => Promise<Moved>;
}

/** So few names are read with a guard around each at once; in later passes, of what would not hold still, some more. */
const guardedAtOnce = 30;
const guardedLater = 500;

/** What tar says is wanted in full: it tells which files are not good. */
const saidLimit = 64 * 1024 * 1024;

async function stream(
  input: PassInput,
  { actions, summary, fresh, isListed, look }: Streaming,
): Promise<{
  readonly result: ApplyResult;
  readonly moved: readonly RelPath[];
  readonly complaints: readonly string[];
}> {
  const { session, plan, tools, tree, onProgress, signal } = input;
  const waiting = signal === undefined ? {} : { signal };
  let streamed = 0;
  for (const action of actions) {
    streamed += isStreamed(action) ? 1 : 0;
  }
  const guarded = streamed <= (input.attempt > 1 ? guardedLater : guardedAtOnce);
  const complaints: string[] = [];
  let moved: readonly RelPath[] = [];
  const flags = new Map<RelPath, string>();
  const flagged =
    streamed === 0 || tools.flags !== true
      ? undefined
      : settled(
          readFlags(session, {
            root: plan.root,
            paths: streamedPaths(actions),
            isAsked: isListed,
            ...waiting,
          }),
        );
  const paths = { [Symbol.iterator]: () => streamedPaths(actions) };
  const start = (names: Iterable<RelPath>) =>
    session.exec((guarded ? guardedTarCommand : tarCommand)({ root: plan.root, tools }), {
      stdin: memberNames(names),
      stderrLimit: saidLimit,
      ...waiting,
    });
  const whole = streamed > 0 && tools.busyboxTar === true ? await wholeMembers(start, paths) : undefined;
  const running = whole ?? (streamed === 0 ? undefined : await start(paths));
  const result = await applyToTree({
    root: tree,
    actions,
    tar: held(input, running?.stdout ?? nothing()),
    async afterStream() {
      if (running === undefined) {
        return { torn: [] };
      }
      for (const [path, value] of (await flagged?.()) ?? []) {
        flags.set(path, value);
      }
      const { code, stderr } = await running.exit;
      if (stderr.length >= saidLimit) {
        throw new AppError("hostile", `The tar of ${session.host} says more than can be kept`);
      }
      const { said, still } = readGuards(stderr);
      const messages = parseTarMessages(said);
      complaints.push(
        ...messages.other.filter((line) => whole === undefined || !line.includes("short read")),
      );
      const torn = [...messages.torn, ...(whole?.shortened ?? [])];
      if (code !== 0 && torn.length + messages.vanished.length === 0) {
        throw new AppError(
          "remote-failed",
          `Cannot read ${plan.root} on ${session.host}: tar ended with code ${code}`,
          {
            hint: messages.other.slice(-3).join("; ") || "Nothing more was said.",
          },
        );
      }
      if (guarded) {
        return { torn: [...torn, ...unguarded(actions, still)] };
      }
      const looked = await look();
      moved = looked.moved;
      return { torn: [...torn, ...looked.unsure] };
    },
    sender: senderOf(tools, guarded),
    attributes: input.attributes,
    ...(fresh
      ? { digests: false }
      : { onEntry: (entry) => input.onEntry(withFlagsOf(entry, flags.get(entry.path))) }),
    onProgress: (progress) =>
      onProgress?.({ filesTotal: streamed, bytesTotal: summary.bytes, ...progress, phase: "stream" }),
    ...waiting,
  });
  await noteFlags(tree, flags);
  return { result, moved, complaints: complaints.map((line) => escapePath(line)) };
}

/** The files whose guard did not see them hold still. */
function* unguarded(actions: Iterable<SyncAction>, still: readonly boolean[]): Generator<RelPath> {
  let ordinal = 0;
  for (const path of streamedPaths(actions)) {
    if (still[ordinal] !== true) {
      yield path;
    }
    ordinal += 1;
  }
}

function withFlagsOf(entry: FileEntry, flags: string | undefined): FileEntry {
  return flags === undefined ? entry : { ...entry, extended: withFlags(entry.extended ?? [], flags) };
}

/** A promise that is waited for later: its failure is told then, and not before as one that nobody looks at. */
function settled<T>(promise: Promise<T>): () => Promise<T> {
  promise.catch(() => undefined);
  return () => promise;
}

/** What the client's tar leaves to the listing. */
function senderOf(tools: ToolFacts, guarded: boolean): TarSender {
  const busybox = tools.busyboxTar === true;
  return { listedMetadata: busybox || tools.listsWholeSeconds === true, concatenated: busybox || guarded };
}

function* streamedPaths(actions: Iterable<SyncAction>): Generator<RelPath> {
  for (const action of actions) {
    if (action.kind === "write" && isStreamed(action)) {
      yield action.entry.path;
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}
