/** One command on a machine: an SSH exec channel as {@link RemoteProcess}, with back-pressure both ways. */
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Latch } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import type { ExecOptions, RemoteProcess } from "./session.ts";

/** What is used of ssh2's channel. */
export interface ExecChannel extends Duplex {
  readonly stderr: Readable;
  signal(name: string): unknown;
  close(): void;
}

interface Running {
  readonly channel: ExecChannel;
  /** Why it cannot come to a good end: an abort, a failed input. The first reason counts. */
  failure?: unknown;
  code?: number;
  closed: boolean;
  /** Settles when the command is given up: sshd may keep the channel open until the last child of a killed shell has ended. */
  readonly stopped: Promise<void>;
  readonly stop: () => void;
}

const stderrLimit = 64 * 1024;
/** Small pieces (tar headers) are joined to this size before they are written: each write is one SSH packet. */
const writeSize = 32 * 1024;

/** Runs the command on an opened channel; `broken` makes the error for a connection that ended before the command did. */
export function runChannel(
  channel: ExecChannel,
  options: ExecOptions & { readonly broken: () => Error; readonly what: string },
): RemoteProcess {
  const running = startRunning(channel);
  const stderr = tailOf(channel.stderr, options.stderrLimit ?? stderrLimit);
  channel.on("exit", (code: number | null) => {
    // A command that died of a signal has no code; a shell would say 128 and more.
    running.code = code ?? 128;
  });
  channel.on("error", (error: Error) => {
    running.failure ??= error;
  });
  function abort(): void {
    running.failure ??= new AppError("cancelled", `${options.what} was stopped on request`);
    running.stop();
  }
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted === true) {
    abort();
  }
  const closed = once(channel, "close").then(() => {
    running.closed = true;
  });
  closed.catch(() => undefined);
  const fed = feed(running, options.stdin);
  const exit = Promise.all([Promise.race([closed, running.stopped]), fed])
    .finally(() => options.signal?.removeEventListener("abort", abort))
    .then(() => {
      if (running.failure !== undefined) {
        throw running.failure;
      }
      if (running.code === undefined) {
        throw options.broken();
      }
      return { code: running.code, stderr: stderr() };
    });
  exit.catch(() => undefined);
  return { stdout: read(running), exit };
}

function startRunning(channel: ExecChannel): Running {
  let settle: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return {
    channel,
    closed: false,
    stopped,
    // The output is thrown away, or the channel would never close.
    stop() {
      channel.signal("KILL");
      channel.close();
      settle();
      setImmediate(() => channel.resume());
    },
  };
}

/** Output that may lie here until somebody takes it; then the channel is held, and the other side by its window. */
const outputWaiting = 1024 * 1024;

/** The channel's output piece by piece. Asked for as a stream's, pieces that have come meanwhile would be copied together. */
async function* read(running: Running): AsyncGenerator<Uint8Array> {
  const { channel } = running;
  let waiting: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  let wake: () => void = () => undefined;
  const take = (chunk: Uint8Array) => {
    waiting.push(chunk);
    length += chunk.length;
    if (length >= outputWaiting) {
      channel.pause();
    }
    wake();
  };
  const end = () => {
    ended = true;
    wake();
  };
  channel.on("data", take);
  channel.once("end", end);
  channel.once("close", end);
  void running.stopped.then(end);
  let complete = false;
  try {
    for (;;) {
      while (waiting.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (waiting.length === 0 || running.failure !== undefined) {
        break;
      }
      const taken = waiting;
      waiting = [];
      length = 0;
      yield* taken;
      channel.resume();
    }
    complete = true;
  } finally {
    channel.off("data", take);
    if (!complete && !running.closed) {
      running.failure ??= new AppError("cancelled", "The command's output was no longer wanted");
      running.stop();
    }
  }
}

async function feed(running: Running, stdin: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  const { channel } = running;
  if (stdin === undefined) {
    channel.end();
    return;
  }
  const iterator = stdin[Symbol.asyncIterator]();
  const ended = new Latch();
  channel.once("close", () => ended.open());
  void running.stopped.then(() => ended.open());
  let pending: Uint8Array[] = [];
  let length = 0;
  async function flush(): Promise<void> {
    if (length === 0 || running.closed) {
      return;
    }
    const chunk = pending.length === 1 ? pending[0] : Buffer.concat(pending);
    pending = [];
    length = 0;
    if (!channel.write(chunk)) {
      await ended.orOpen(once(channel, "drain"));
    }
  }
  try {
    while (!running.closed && running.failure === undefined) {
      const next = iterator.next();
      if (length > 0 && !(await settlesNow(next))) {
        await flush();
      }
      const step = await ended.orOpen(next);
      if (step === undefined || step.done === true) {
        break;
      }
      pending.push(step.value);
      length += step.value.length;
      if (length >= writeSize) {
        await flush();
      }
    }
    await flush();
    channel.end();
  } catch (error) {
    running.failure ??= error;
    running.stop();
  } finally {
    // Not awaited: a source that waits for something itself would hold up the end of the command.
    void iterator.return?.().then(undefined, () => undefined);
  }
}

/** Whether a promise is settled by the time the event loop has turned once: a source that waits must not hold back what it gave. */
async function settlesNow(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    nextTurn(false),
  ]);
}

function tailOf(stream: Readable, limit: number): () => string {
  let kept = "";
  stream.on("data", (chunk: Buffer) => {
    kept += chunk.toString("latin1");
    // Not for every chunk: cutting copies all of it.
    if (kept.length > 2 * limit) {
      kept = kept.slice(-limit);
    }
  });
  return () => kept.slice(-limit);
}
