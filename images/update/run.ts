/** Brings running machines to a version: over their SSH session (push), or for machines that ask by HTTPS (pull). */

import { bothOf } from "../../base/async.ts";
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import { duration } from "../../base/quantity.ts";
import { listerOf } from "../capture/tool-limits.ts";
import type { VersionId } from "../manifest.ts";
import { hasOverrides, overlaidReader } from "../overlay/overlaid-reader.ts";
import { listRemoteTable } from "../remote/list.ts";
import { shellAsset } from "../shell-asset.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import { LongPaths } from "../sync/long-paths.ts";
import { askAndPlan } from "./ask.ts";
import { encodeBundle } from "./bundle.ts";
import { directoryRules } from "./directory-rules.ts";
import { NodeListing } from "./node-listing.ts";
import { type NodeState, parseNodeState } from "./node-state.ts";
import type { UpdatePlan } from "./plan.ts";
import { type NodeContext, planSources, sameVersions, updatePrune, updateRules } from "./prepare-plan.ts";
import type { UpdateRequest, UpdateResult } from "./request.ts";

/** Brings a running machine to a version over its session; with `dryRun` only says how (drift is just that). */
export async function updateNode(request: UpdateRequest): Promise<UpdateResult> {
  const started = request.clock.now();
  const { session, overrides, signal, onProgress } = request;
  const store = overlaidReader(request.store, overrides);
  const waiting = signal === undefined ? {} : { signal };
  const options = request.options ?? {};
  const root = request.root ?? "/";
  const manifest = await store.resolve({
    image: request.image,
    ...(request.version === undefined ? {} : { number: request.version }),
  });
  const version: VersionId = { image: manifest.image, number: manifest.number };
  const long = new LongPaths();
  // Rules say what overrides need, so these are read before the node is listed.
  const over = hasOverrides(overrides) ? await store.table(version) : undefined;
  const reading = over === undefined ? store.table(version) : Promise.resolve(over);
  async function look() {
    const state = await readState(request, root);
    const node: NodeContext = { host: session.host, root, state, options };
    const { rules: named, leftAlone } = updateRules(node, over);
    const rules = await directoryRules({ ...request, store }, { node, rules: named, version, reading });
    const { table } = await listRemoteTable(session, {
      root,
      prune: updatePrune(node, rules),
      ...listerOf(state.tools),
      wanted: (path) => long.fits(path),
      onCount: (files) => onProgress?.({ phase: "list", files, filesTotal: manifest.totals.entries }),
      ...waiting,
    });
    return { node, rules, leftAlone, table };
  }
  // The node looks at itself while the version is read here.
  const [{ table, ...seen }, wanted] = await bothOf(look(), reading);
  onProgress?.({ phase: "plan" });
  const sources = await planSources(request.store, { ...seen, version, wanted, overrides });
  const told = { ...request, store };
  const { plan: planned, asked } = await askAndPlan(told, { sources, listed: new NodeListing(table) });
  const plan = { ...planned, notes: [...planned.notes, ...long.warnings("it is left alone")] };
  if (options.dryRun === true) {
    return { plan, applied: false, duration: duration(request.clock.now() - started), notes: plan.notes };
  }
  // Where nothing was asked, the node's note of what it was brought to says this version and need not be made again either.
  const said =
    !asked && isDone(plan, seen.node.state) ? [] : await apply(told, { plan, table: wanted, root });
  const notes = [...plan.notes, ...said];
  if (options.reboot === true) {
    // In the background and a moment later, so that the session ends before the machine does.
    await session.run(trustedShell("(sleep 2; reboot) >/dev/null 2>&1 </dev/null &"), waiting);
    notes.push(`${session.host} was told to reboot`);
  }
  return { plan, applied: true, duration: duration(request.clock.now() - started), notes };
}

/** Whether the node is what the plan would make of it, and has noted so. */
function isDone(plan: UpdatePlan, state: NodeState): boolean {
  const ref = state.synced?.ref;
  const isNoted =
    ref?.image === plan.image &&
    ref.number === plan.version &&
    sameVersions(state.synced?.overrides ?? [], plan.overrides);
  return (
    plan.actions.length === 0 && plan.bootSteps.length === 0 && !state.unfinished && (plan.partial || isNoted)
  );
}

async function readState(request: UpdateRequest, root: string): Promise<NodeState> {
  const { session, signal } = request;
  const base = root === "/" ? "" : root;
  const command = sh`${{ raw: stateFunction() }}
ingot_update_state ${base}
`;
  const result = await session.run(command, {
    limit: 16 * 1024 * 1024,
    ...(signal === undefined ? {} : { signal }),
  });
  const state = parseNodeState(toLatin1(result.stdout));
  if (!state.ok) {
    throw new AppError("remote-failed", `Cannot inspect ${session.host}: ${state.error}`, {
      hint: result.stderr.trim().slice(-500) || "Is its login shell a POSIX shell?",
    });
  }
  return state.value;
}

async function apply(
  request: UpdateRequest,
  input: { readonly plan: UpdatePlan; readonly table: VersionTable; readonly root: string },
): Promise<readonly string[]> {
  const { session, onProgress, signal } = request;
  const { plan, table } = input;
  const command = sh`${{ raw: shellAsset("images/update/client/receive.sh") }}
ingot_receive ${input.root}
`;
  const running = await session.exec(command, {
    stdin: counted(
      bundleStream({
        store: request.store,
        plan,
        table,
        ...(request.options === undefined ? {} : { options: request.options }),
        ...(signal === undefined ? {} : { signal }),
      }),
      (bytes) => onProgress?.({ phase: "stream", bytes, bytesTotal: plan.summary.bytes }),
    ),
    ...(signal === undefined ? {} : { signal }),
  });
  const notes: string[] = [];
  let tail = "";
  for await (const chunk of running.stdout) {
    tail = (tail + toLatin1(chunk)).slice(-65536);
    const lines = tail.split("\n");
    tail = lines.pop() ?? "";
    for (const line of lines) {
      const [word, ...rest] = line.split(" ");
      if (word === "phase") {
        onProgress?.({ phase: rest.join(" ") });
      } else if (word === "note") {
        notes.push(rest.join(" "));
      }
    }
  }
  const { code, stderr } = await running.exit;
  if (code !== 0) {
    throw applyError(session.host, { code, stderr });
  }
  return notes;
}

function applyError(host: string, exit: { readonly code: number; readonly stderr: string }): AppError {
  const said = exit.stderr
    .split("\n")
    .filter((line) => line.startsWith("ingot: "))
    .map((line) => line.slice("ingot: ".length));
  // The last line sums up; those before it name what failed.
  const why = said.length === 0 ? `the apply script ended with code ${exit.code}` : said.reverse().join("; ");
  const message = `Update of ${host} failed: ${why}`;
  const hint = exit.stderr.trim().slice(-1000) || "Run the update again: it does what is left to do.";
  return exit.code === 75
    ? new AppError("conflict", message, { hint: "Wait until it has ended." })
    : new AppError(said.some((line) => line.startsWith("no space")) ? "no-space" : "remote-failed", message, {
        hint,
      });
}

/** Streams what carries the plan out: the answer to `/client/update/bundle`. */
export function bundleStream(request: {
  readonly store: VersionReader;
  readonly plan: UpdatePlan;
  readonly table?: VersionTable;
  readonly options?: { readonly noBootloader?: boolean };
  readonly signal?: AbortSignal;
}): AsyncIterable<Uint8Array> {
  return encodeBundle({
    store: request.store,
    plan: request.plan,
    ...(request.table === undefined ? {} : { table: request.table }),
    script: shellAsset("images/update/client/apply.sh"),
    bootloader: request.options?.noBootloader !== true,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
}

function stateFunction(): ShellText {
  return shellAsset("images/update/client/state.sh");
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}
