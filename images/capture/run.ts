/**
 * Captures a running machine into an image: probe, plan, passes of list and stream, commit. The tree is brought to what the
 * client is now, with what the tree has already as the start, so an interrupted capture goes on where it was.
 */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { discardLog } from "../../base/ports.ts";
import { trustedShell } from "../../base/posix-quote.ts";
import { byteSize, duration } from "../../base/quantity.ts";
import type { FileEntry } from "../entry.ts";
import { contentName, type KnownBlocks } from "../remote/known-blocks.ts";
import { readRuleFiles } from "../remote/rule-files.ts";
import type { RemoteSession } from "../remote/session.ts";
import { niceSession } from "../remote/session-options.ts";
import type { ImageLock } from "../store/store.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { attributeSelection, attributeWord } from "../sync/attribute-rules.ts";
import { directoryRuleFiles } from "../sync/dir-merge.ts";
import { makeSelection } from "../sync/exclude.ts";
import { readNamedFiles } from "../sync/rule-file-names.ts";
import type { BlockedFile } from "./block-plan.ts";
import type { GoldenFacts } from "./facts.ts";
import type { CaptureHistory } from "./history.ts";
import { readHistory, writeHistory } from "./history-file.ts";
import { withHooks } from "./hooks.ts";
import { KnownEntries } from "./known-entries.ts";
import { addLayout, writeLayout } from "./layout-file.ts";
import { type CapturePlan, planCapture, ruleFilePrune, withRuleFiles } from "./plan.ts";
import { probe } from "./probe.ts";
import type { CaptureRequest, CaptureResult, PreparedClient, PrepareRequest } from "./request.ts";
import { seeTree } from "./see-tree.ts";
import { SeenTable } from "./seen-table.ts";
import { capturePass, type PassResult } from "./transfer.ts";
import { isSettled, unrest } from "./unrest.ts";

/** Files that change all the time are read this often before they are given up. */
const maxPasses = 4;

/** Captures a running machine into an image's tree and commits a version; on failure the newest version is as before. */
export async function captureImage(request: CaptureRequest): Promise<CaptureResult> {
  return await withHooks(request, async () => await capture(request));
}

async function capture(asked: CaptureRequest): Promise<CaptureResult> {
  const request = asked.nice === true ? { ...asked, session: niceSession(asked.session) } : asked;
  const started = request.clock.now();
  const { session, store, image, signal } = request;
  request.onProgress?.({ phase: "probe", message: `Looking at ${session.host}` });
  const facts = request.facts ?? (await probe(session, signal === undefined ? {} : { signal }));
  const plan = planOrRefuse(facts, { ...request, host: session.host });
  const lock = await store.lock(image, { holder: `capture of ${session.host}` });
  try {
    const moved = await moveTree(request, { facts, plan, lock });
    request.onProgress?.({ phase: "commit", message: `Making a version of ${image}` });
    const commit = await store.commit(image, {
      message: request.message ?? `Captured from ${session.host}`,
      source: {
        host: session.host,
        os: facts.os.prettyName,
        kernel: facts.kernel,
        machine: facts.machine,
        firmware: facts.firmware,
      },
      lock,
      known: (entry) => moved.known.find(entry),
      onStored: (entry) => noteVersionBlocks(store.blocks, moved, entry),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
    return {
      image,
      version: commit.manifest.number,
      changed: commit.created,
      files: commit.manifest.totals.entries,
      bytes: byteSize(commit.manifest.totals.bytes),
      sentFiles: moved.sentFiles,
      sentBytes: byteSize(moved.sentBytes),
      deleted: moved.deleted,
      passes: moved.passes,
      duration: duration(request.clock.now() - started),
      facts,
      captured: plan.captured,
      leftOut: plan.leftOut,
      rules: moved.rules,
      warnings: [...plan.warnings, ...moved.warnings],
    };
  } finally {
    await lock.release();
  }
}

/** Inspects a golden client: what it is, what a capture would take, and its layout; writes that layout on it where asked. */
export async function prepareClient(request: PrepareRequest): Promise<PreparedClient> {
  const { session, signal } = request;
  const facts = await probe(session, signal === undefined ? {} : { signal });
  const plan = planOrRefuse(facts, { ...request, host: session.host });
  const layout = request.layout?.(facts);
  const written = layout !== undefined && request.write === true;
  if (written) {
    await writeLayout(session, {
      root: plan.root,
      text: layout,
      ...(signal === undefined ? {} : { signal }),
    });
  }
  return {
    facts,
    captured: plan.captured,
    leftOut: plan.leftOut,
    rules: plan.rules,
    bytes: byteSize(plan.bytes),
    entries: plan.entries,
    ...(layout === undefined ? {} : { layout }),
    written,
    warnings: plan.warnings,
  };
}

function planOrRefuse(facts: GoldenFacts, options: Parameters<typeof planCapture>[1]): CapturePlan {
  const plan = planCapture(facts, options);
  if (!plan.ok) {
    throw new AppError(plan.error.code, plan.error.message, { hint: plan.error.hint });
  }
  return plan.value;
}

interface MovedTree {
  readonly sentFiles: number;
  readonly sentBytes: number;
  readonly deleted: number;
  readonly passes: number;
  /** The list as it was used. */
  readonly rules: readonly ResolvedRule[];
  readonly warnings: readonly string[];
  /** Tells what an entry that has just been written holds, if it still is that entry. */
  readonly known: KnownEntries;
  /** The blocks of large files that have just been written. */
  readonly blocks: ReadonlyMap<RelPath, BlockedFile>;
}

interface CaptureState {
  readonly facts: GoldenFacts;
  readonly plan: CapturePlan;
  readonly lock: ImageLock;
}

async function moveTree(request: CaptureRequest, state: CaptureState): Promise<MovedTree> {
  const { session, signal } = request;
  const waiting = signal === undefined ? {} : { signal };
  const log = request.log ?? discardLog;
  const tree = await request.store.prepareTree(state.lock);
  const file = request.historyFile ?? historyFileOf(tree, request.image);
  let client: string | undefined;
  let history: CaptureHistory | undefined;
  const known = new KnownEntries();
  const blocks = new Map<RelPath, BlockedFile>();
  const totals = { sentFiles: 0, sentBytes: 0, deleted: 0, passes: 0 };
  const warnings = new Set<string>();
  let pass: PassResult | undefined;
  let restless: ReadonlySet<RelPath> = new Set();
  let plan = state.plan;
  while (totals.passes < maxPasses && (pass === undefined || !isSettled(pass, restless))) {
    restless = new Set(pass?.moved);
    plan = await resolvedPlan(request, state);
    const word = clientWord(state, plan);
    if (word !== client) {
      client = word;
      history = await beginHistory(session, { file, client, tree });
    }
    pass = await capturePass({
      attempt: totals.passes + 1,
      session,
      plan,
      tools: state.facts.tools,
      selection: makeSelection(plan.rules),
      attributes: attributeSelection(plan.rules),
      tree,
      history,
      // Once is enough: later passes are for what moved meanwhile.
      checksum: request.checksum === true && pass === undefined,
      suspects: new Set(pass?.torn),
      clock: request.clock,
      ...(request.limit === undefined ? {} : { limit: request.limit }),
      onEntry: (entry) => known.add(entry),
      blocks: request.store.blocks,
      onBlocks: (file) => blocks.set(file.entry.path, file),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...waiting,
    });
    totals.passes += 1;
    totals.sentFiles += pass.written;
    totals.sentBytes += pass.bytes;
    totals.deleted += pass.deleted;
    for (const warning of pass.warnings) {
      warnings.add(warning);
    }
    if (
      request.layout !== undefined &&
      (await addLayout(tree, request.layout(state.facts))) === "no-folder"
    ) {
      warnings.add("/etc/systemimager is no folder in the image, so it has no autoinstallscript.conf");
    }
    if (pass.actions.length > 0 || !isWhole(history)) {
      history = { client, seen: await seeTree(tree, pass, waiting) };
      await writeHistory(file, history);
    }
    log.info("Capture pass done", {
      pass: totals.passes,
      written: pass.written,
      torn: pass.torn.length,
      moved: pass.moved.length,
    });
  }
  for (const warning of pass === undefined ? [] : unrest(pass, totals.passes)) {
    warnings.add(warning);
  }
  return { ...totals, rules: plan.rules, known, blocks, warnings: [...warnings] };
}

/** With the rules out of files in directories, where the list looks for such. */
async function resolvedPlan(request: CaptureRequest, { plan, facts }: CaptureState): Promise<CapturePlan> {
  const names = directoryRuleFiles(plan.rules);
  return names.size === 0
    ? plan
    : withRuleFiles(
        plan,
        await readNamedFiles(names, (some) =>
          readRuleFiles(request.session, {
            root: plan.root,
            tools: facts.tools,
            names: some,
            prune: ruleFilePrune(plan),
            ...(request.signal === undefined ? {} : { signal: request.signal }),
          }),
        ),
      );
}

/** Beside the image folders, hidden from their list. */
function historyFileOf(tree: string, image: string): string {
  return path.join(path.dirname(tree), ".capture", image);
}

/** Tells one machine from another that has taken its address, and what was taken of it under other rules on attributes, which no listing shows. */
function clientWord({ facts }: CaptureState, { root: place, rules }: CapturePlan): string {
  const root = facts.filesystems.find((filesystem) => filesystem.mountPoint === "/");
  return [facts.hostname, root?.uuid ?? root?.device ?? "", place + attributeWord(rules)].join(" ");
}

/**
 * The history to compare with. Where there is none and the tree is still empty, the time is noted: should this capture be cut
 * off, the next attempt keeps what has arrived and has not changed since.
 */
async function beginHistory(
  session: RemoteSession,
  options: { readonly file: string; readonly client: string; readonly tree: string },
): Promise<CaptureHistory | undefined> {
  const { file, client } = options;
  const history = await readHistory(file);
  if (history?.client === client) {
    return history;
  }
  if ((await readdir(Buffer.from(options.tree, "latin1"))).length > 0) {
    await rm(file, { force: true });
    return undefined;
  }
  const clock = Number(toLatin1((await session.run(trustedShell("date +%s"))).stdout));
  if (Number.isSafeInteger(clock) && clock > 0) {
    await writeHistory(file, { client, begun: clock, seen: new SeenTable() });
  }
  return undefined;
}

/** True where a capture that ended wrote it: after a pass with nothing to do it still holds. */
function isWhole(history: CaptureHistory | undefined): boolean {
  return history !== undefined && history.begun === undefined;
}

/** What is stored of a file whose blocks are known is known by its digest from here on: updates ask for it. */
function noteVersionBlocks(known: KnownBlocks, moved: MovedTree, entry: FileEntry): void {
  const file = moved.blocks.get(entry.path);
  if (
    file !== undefined &&
    entry.kind === "file" &&
    entry.digest !== undefined &&
    moved.known.find(entry) !== undefined
  ) {
    known.set(contentName(entry.digest), file, file.digests);
  }
}
