/** Where an install stands, worked out from what the machine reports. A pure reducer: the server keeps the state. */
import { type InstallPhase, installPhases } from "./protocol.ts";

export type InstallStatus =
  | "armed" // the node may fetch its script
  | "running"
  | "done"
  | "failed";

export interface InstallState {
  readonly status: InstallStatus;
  readonly phase: InstallPhase;
  /** 0..100, never falling. */
  readonly percent: number;
  readonly bytes?: number;
  /** The last thing it said. */
  readonly message?: string;
  /** Unix milliseconds. */
  readonly startedAt?: number;
  readonly reportedAt?: number;
  readonly finishedAt?: number;
  readonly failure?: { readonly phase: InstallPhase; readonly message: string };
}

export type InstallEvent =
  | { readonly kind: "script-fetched"; readonly at: number }
  | {
      readonly kind: "report";
      readonly at: number;
      readonly phase: InstallPhase;
      readonly percent: number;
      readonly bytes?: number;
      readonly message?: string;
    }
  | { readonly kind: "failed"; readonly at: number; readonly phase: InstallPhase; readonly message: string }
  | { readonly kind: "done"; readonly at: number };

export const armedState: InstallState = { status: "armed", phase: "boot", percent: 0 };

function later(a: InstallPhase, b: InstallPhase): InstallPhase {
  return installPhases.indexOf(b) > installPhases.indexOf(a) ? b : a;
}

/** 0..100; only the end of an install is a hundred. */
function clamp(percent: number): number {
  return Number.isFinite(percent) ? Math.min(99, Math.max(0, percent)) : 0;
}

/**
 * The state after an event. Reports may come late or out of order: phase and percent never go back, and nothing that comes
 * after the end of an install changes how it ended.
 */
export function reduceInstall(state: InstallState, event: InstallEvent): InstallState {
  if (state.status === "done" || state.status === "failed") {
    return state;
  }
  const started = { startedAt: state.startedAt ?? event.at, reportedAt: event.at };
  switch (event.kind) {
    case "script-fetched":
      return { ...state, ...started, status: "running", phase: later(state.phase, "script") };
    case "report": {
      const current = installPhases.indexOf(event.phase) >= installPhases.indexOf(state.phase);
      return {
        ...state,
        ...started,
        status: "running",
        phase: later(state.phase, event.phase),
        percent: Math.max(state.percent, clamp(event.percent)),
        ...(event.bytes === undefined ? {} : { bytes: Math.max(state.bytes ?? 0, event.bytes) }),
        ...(event.message === undefined || !current ? {} : { message: event.message }),
      };
    }
    case "failed":
      return {
        ...state,
        ...started,
        status: "failed",
        finishedAt: event.at,
        phase: event.phase,
        failure: { phase: event.phase, message: event.message },
      };
    case "done":
      return { ...state, ...started, status: "done", phase: "done", percent: 100, finishedAt: event.at };
    default:
      return event satisfies never;
  }
}
