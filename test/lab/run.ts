/**
 * Runs programs for the lab: its only user of node:child_process. Every program gets a process group of
 * its own, so that a timeout or the end of the lab stops all it started, and Ctrl-C in a terminal reaches only the lab, which
 * then stops its programs in order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** Kills the process group after so many milliseconds (default: ten minutes). */
  readonly timeoutMs?: number;
  /** Returns the result of a failed program instead of throwing. */
  readonly allowFailure?: boolean;
  /** Lets the program's output through to ours instead of capturing it; a terminal is handed on as one. */
  readonly passThrough?: boolean;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Background {
  readonly pid: number;
  /** Settles when the program ends: its exit code, or 128 + signal number. */
  readonly exited: Promise<number>;
  readonly running: () => boolean;
  /** Asks the process group to end, kills it after `graceMs`, and waits until the program is gone. */
  readonly stop: (graceMs?: number) => Promise<void>;
}

/** Runs a program to its end; throws with its last lines of output when it fails, unless told to allow failure. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const output = options.passThrough ? "inherit" : "pipe";
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", output, output],
    detached: true,
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  // A program may end without reading its input: that is its business, and its exit code says whether it minded.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input);

  const timeoutMs = options.timeoutMs ?? 600_000;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child.pid, "SIGKILL");
  }, timeoutMs);
  const onAbort = (): void => void killGroup(child.pid, "SIGTERM");
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const code = await exitOf(child, "close");
    const result = { code, stdout: stdout(), stderr: stderr() };
    options.signal?.throwIfAborted();
    if (timedOut || (code !== 0 && !options.allowFailure)) {
      const how = timedOut ? `did not end in ${timeoutMs / 1000} s` : `failed with exit code ${code}`;
      throw new Error(`'${argv.join(" ")}' ${how}${lastLines(result.stderr || result.stdout)}`);
    }
    return result;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** Starts a program that goes on by itself, its output appended to a log file; it survives us unless it is stopped. */
export function startBackground(
  argv: readonly string[],
  options: {
    readonly logFile: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
  },
): Background {
  const log = openSync(options.logFile, "a");
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  let running = true;
  const exited = exitOf(child, "exit").finally(() => {
    running = false;
  });
  exited.catch(() => undefined);
  const pid = child.pid;
  if (pid === undefined) {
    throw new Error(`'${argv[0]}' could not be started: is it installed?`);
  }
  return {
    pid,
    exited,
    running: () => running,
    stop: async (graceMs = 5000) => {
      killGroup(pid, "SIGTERM");
      const gone = await Promise.race([exited.then(() => true), sleep(graceMs, false)]);
      if (!gone) {
        killGroup(pid, "SIGKILL");
        await exited;
      }
      // What the program started and left behind.
      killGroup(pid, "SIGKILL");
    },
  };
}

/** Sends a signal to a process group; one that is gone already is no error. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) {
    return;
  }
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) {
      throw error;
    }
  }
}

/** Kills processes by id and waits until they are gone; used for what a dead lab left behind. */
export async function killProcesses(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
  for (let tries = 0; tries < 50 && pids.some((pid) => processStart(pid) !== undefined); tries += 1) {
    await sleep(100);
  }
}

/** When a process started, in clock ticks since boot: with its id it names a process for good. Undefined when it is gone. */
export function processStart(pid: number): string | undefined {
  try {
    // proc(5): the name in parentheses may hold anything; state is the first field after it, starttime the twentieth.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, "").trim().split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Asks `probe` every `everyMs` until it gives a value; throws with `what` when the time is over. */
export async function waitFor<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  options: {
    readonly what: string;
    readonly timeoutMs: number;
    readonly everyMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<T> {
  const end = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await probe();
    if (value !== undefined) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`Waited ${Math.round(options.timeoutMs / 1000)} s in vain for ${options.what}`);
    }
    await sleep(options.everyMs ?? 200);
  }
}

function exitOf(child: ChildProcess, event: "exit" | "close"): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) => {
      resolve(code ?? (signal === "SIGKILL" ? 137 : signal === "SIGINT" ? 130 : 143));
    });
  });
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-15).join("\n");
  return lines === "" ? "" : `:\n${lines}`;
}
