/**
 * One read transfer as a state machine: RFC 1350, options (RFC 2347 to 2349), windows (RFC 7440). It owns no socket, timer or
 * file: `start` and `step` say what to send and when to wake up.
 *
 * Blocks are counted from 1 without end; only on the wire do they wrap from 65535 to 0.
 */
import { type Duration, duration } from "../../base/quantity.ts";

export interface TransferOptions {
  readonly blockSize: number;
  readonly windowSize: number;
  /** What the client asked to be its interval of retransmission, else undefined. */
  readonly timeout: Duration | undefined;
  /** The options to acknowledge; empty: the first window is the answer. */
  readonly accepted: ReadonlyMap<string, string>;
}

export interface TransferLimits {
  readonly maxBlockSize: number;
  readonly maxWindowSize: number;
}

export type TransferEvent =
  | { readonly kind: "ack"; readonly block: number }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  | { readonly kind: "timeout" };

export type Effect =
  | { readonly kind: "send-oack" }
  /** Send `count` blocks, the first of which is number `first`. */
  | { readonly kind: "send-data"; readonly first: number; readonly count: number }
  /** Wake up after this time unless another effect says otherwise. */
  | { readonly kind: "wait"; readonly time: Duration }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

export interface TransferState {
  readonly options: TransferOptions;
  readonly blocks: number;
  /** The last block that the client has acknowledged; -1 while an OACK is under way. */
  readonly acked: number;
  /** The last block that was sent. */
  readonly sent: number;
  /** Timeouts since the client last moved forward. */
  readonly retries: number;
  /** Whether an ACK came again in this window, or in the one before. */
  readonly repeated: "no" | "now" | "before";
  readonly ended: boolean;
}

export interface Step {
  readonly state: TransferState;
  readonly effects: readonly Effect[];
}

const firstTimeout = 500;
const longestTimeout = 8_000;
/** 0.5, 1, 2, 4, 8, 8, 8, 8 seconds: 40 in all, longer than any firmware pauses. */
const maxRetries = 8;

/** Chooses among the options that a client offers; what is unknown or badly written is left out (RFC 2347). */
export function negotiate(
  offered: ReadonlyMap<string, string>,
  context: { readonly size: number; readonly limits: TransferLimits },
): TransferOptions {
  const accepted = new Map<string, string>();
  const blksize = numberIn(offered.get("blksize"), 8, 65_464);
  const windowsize = numberIn(offered.get("windowsize"), 1, 65_535);
  const timeout = numberIn(offered.get("timeout"), 1, 255);
  const blockSize = Math.min(blksize ?? 512, context.limits.maxBlockSize);
  const windowSize = Math.min(windowsize ?? 1, context.limits.maxWindowSize);
  for (const name of offered.keys()) {
    if (name === "blksize" && blksize !== undefined) {
      accepted.set(name, String(blockSize));
    } else if (name === "windowsize" && windowsize !== undefined) {
      accepted.set(name, String(windowSize));
    } else if (name === "timeout" && timeout !== undefined) {
      accepted.set(name, String(timeout));
    } else if (name === "tsize" && /^\d{1,15}$/.test(offered.get(name) ?? "")) {
      accepted.set(name, String(context.size));
    }
  }
  return {
    ...{ blockSize, windowSize, accepted },
    timeout: timeout === undefined ? undefined : duration(timeout * 1000),
  };
}

function numberIn(text: string | undefined, least: number, most: number): number | undefined {
  const value = /^\d{1,6}$/.test(text ?? "") ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

/** Begins a transfer: the OACK, or the first window where no option was agreed on. */
export function startTransfer(options: TransferOptions, size: number): Step {
  const state: TransferState = {
    ...{ options, acked: -1, sent: -1, retries: 0, repeated: "no", ended: false },
    // A file that ends with a full block is followed by an empty one (RFC 1350 section 6).
    blocks: Math.floor(size / options.blockSize) + 1,
  };
  return options.accepted.size > 0
    ? { state, effects: [{ kind: "send-oack" }, waitFor(state)] }
    : sendWindow({ ...state, acked: 0, sent: 0 });
}

/** Takes what came in and says what to do. */
export function stepTransfer(state: TransferState, event: TransferEvent): Step {
  if (state.ended) {
    return { state, effects: [] };
  }
  switch (event.kind) {
    case "error":
      return end(state, { kind: "failed", reason: `the client ended it: ${event.code} ${event.message}` });
    case "timeout":
      return onTimeout(state);
    case "ack":
      return onAck(state, event.block);
  }
}

function onTimeout(state: TransferState): Step {
  if (state.retries >= maxRetries) {
    return end(state, { kind: "failed", reason: "the client does not answer" });
  }
  const next = { ...state, retries: state.retries + 1 };
  return next.acked < 0 ? { state: next, effects: [{ kind: "send-oack" }, waitFor(next)] } : sendWindow(next);
}

function onAck(state: TransferState, wire: number): Step {
  if (state.acked < 0) {
    const agreed: TransferState = { ...state, acked: 0, sent: 0, retries: 0 };
    return wire === 0 ? sendWindow(agreed) : { state, effects: [] };
  }
  const ahead = (wire - state.acked) & 0xffff;
  const block = state.acked + ahead;
  if (ahead === 0) {
    return onRepeatedAck(state);
  }
  if (block > state.sent) {
    return { state, effects: [] }; // An old one, or one of a block that was never sent.
  }
  const repeated = state.repeated === "now" ? "before" : "no";
  const moved: TransferState = { ...state, acked: block, retries: 0, repeated };
  return block >= state.blocks ? end(moved, { kind: "done" }) : sendWindow(moved);
}

/**
 * The client acknowledges again what it has already acknowledged. In lockstep that is a duplicate and means nothing (RFC 1123
 * section 4.2.3.1). In a window it also says that the window's first block was lost; the window is then sent again at once,
 * but not for two windows running, so that a network which doubles packets cannot double every window.
 */
function onRepeatedAck(state: TransferState): Step {
  const next: TransferState = { ...state, repeated: "now" };
  return state.options.windowSize > 1 && state.repeated === "no"
    ? sendWindow(next)
    : { state: next, effects: [] };
}

function sendWindow(state: TransferState): Step {
  const first = state.acked + 1;
  const count = Math.min(state.options.windowSize, state.blocks - state.acked);
  const next = { ...state, sent: Math.max(state.sent, state.acked + count) };
  return { state: next, effects: [{ kind: "send-data", first, count }, waitFor(next)] };
}

function waitFor(state: TransferState): Effect {
  const backedOff = Math.min(firstTimeout * 2 ** state.retries, longestTimeout);
  return { kind: "wait", time: state.options.timeout ?? duration(backedOff) };
}

function end(state: TransferState, effect: Effect): Step {
  return { state: { ...state, ended: true }, effects: [effect] };
}
