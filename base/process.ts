/** Runs local programs: the only importer of node:child_process in images/. No shell is between: argv is what the program gets. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Latch } from "./async.ts";
import { AppError, toAppError } from "./errors.ts";
import type { ShellText } from "./posix-quote.ts";

export interface ProcessOptions {
  /** Fed to standard input, which is closed at its end; without it standard input is empty. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Working directory, for programs that are given relative names. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Added to a minimal environment (PATH, LC_ALL=C). */
  readonly env?: Readonly<Record<string, string>>;
  /** How much of standard error is kept: its last bytes, 64 KiB unless told. */
  readonly stderrLimit?: number;
}

export interface ProcessExit {
  readonly code: number;
  /** The last part of standard error, one character per byte. */
  readonly stderr: string;
}

export interface LocalProcess {
  /** Must be read to its end or `return()`ed; back-pressure holds the program. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Resolves when the program has ended; what it wrote can still be read. Rejects where it could not start, was aborted, or its input failed. */
  readonly exit: Promise<ProcessExit>;
}

/** Starts a program. Words are latin1 strings (one character per byte). */
export function startProcess(argv: readonly string[], options: ProcessOptions = {}): LocalProcess {
  const [program, ...args] = argv.map(asArgument);
  if (program === undefined) {
    throw new AppError("internal", "A program without a name was to be started");
  }
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ...options.env,
      LC_ALL: "C",
    },
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const abort = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted === true) {
    abort();
  }
  // Node drops what nobody has begun to read when a program exits; a listener makes it keep the output.
  child.stdout?.on("readable", () => undefined);
  const stderr = tailOf(child, options.stderrLimit ?? 65536);
  const fed = feed(child, options.stdin);
  const ended = endOf(child, program);
  const exit = Promise.all([ended, fed]).then(([code, inputError]) => {
    if (options.signal?.aborted === true) {
      throw new AppError("cancelled", `${program} was stopped on request`);
    }
    if (inputError !== undefined) {
      throw inputError;
    }
    return { code, stderr: stderr() };
  });
  const settled = exit.finally(() => options.signal?.removeEventListener("abort", abort));
  settled.catch(() => undefined);
  return { stdout: read(child), exit: settled };
}

/** Runs a program to its end and returns its output, at most `limit` bytes (16 MiB unless told). Any exit code is returned. */
export async function runProcess(
  argv: readonly string[],
  options: ProcessOptions & { readonly limit?: number } = {},
): Promise<ProcessExit & { readonly stdout: Uint8Array }> {
  const limit = options.limit ?? 16 * 1024 * 1024;
  const running = startProcess(argv, options);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of running.stdout) {
    length += chunk.length;
    if (length > limit) {
      throw new AppError("hostile", `Too much output: ${argv[0]} wrote over ${limit} bytes`);
    }
    parts.push(chunk);
  }
  const exit = await running.exit;
  return { ...exit, stdout: Buffer.concat(parts) };
}

/** Runs shell text by the local `sh`: the same commands that clients are given, for the server's own trees. */
export function startShell(command: ShellText, options: ProcessOptions = {}): LocalProcess {
  return startProcess(["sh", "-c", command], options);
}

function endOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? new AppError("missing-tool", `Cannot run ${program}: it is not installed`, {
              cause: error,
              hint: `Install the package that holds ${program}.`,
            })
          : toAppError(error, "io"),
      );
    });
    // Not "close": that would wait until somebody has read all of stdout.
    child.once("exit", (code, signal) => {
      const done = () => resolve(code ?? (signal === null ? 1 : 128));
      if (child.stderr === null || child.stderr.readableEnded || child.stderr.destroyed) {
        done();
      } else {
        child.stderr.once("close", done);
      }
    });
  });
}

/** What may wait in a program's input: enough to be written at once, many chunks in one call. */
const inputWaiting = 512 * 1024;

/** Feeds standard input. A program that stops reading early (EPIPE) is no error here: its exit code tells. */
async function feed(
  child: ChildProcess,
  stdin: AsyncIterable<Uint8Array> | undefined,
): Promise<Error | undefined> {
  const sink = child.stdin;
  if (stdin === undefined || sink === null) {
    return undefined;
  }
  const closed = new Latch();
  let failure: NodeJS.ErrnoException | undefined;
  sink.on("error", (error) => {
    failure = error;
  });
  sink.once("close", () => closed.open());
  const iterator = stdin[Symbol.asyncIterator]();
  try {
    while (!closed.isOpen) {
      const step = await closed.orOpen(iterator.next());
      if (step === undefined || step.done === true) {
        break;
      }
      if (!sink.write(step.value) && sink.writableLength > inputWaiting) {
        await closed.orOpen(once(sink, "drain"));
      }
    }
    if (!closed.isOpen) {
      sink.end();
      await closed.orOpen(once(sink, "finish"));
    }
  } catch (error) {
    if (error !== failure) {
      child.kill("SIGKILL");
      return error instanceof Error ? error : new Error(String(error));
    }
  } finally {
    // Not awaited: a source that waits for something itself would hold up the end of the program.
    void iterator.return?.().then(undefined, () => undefined);
  }
  if (failure !== undefined && failure.code !== "EPIPE" && failure.code !== "ECONNRESET") {
    child.kill("SIGKILL");
    return failure;
  }
  return undefined;
}

async function* read(child: ChildProcess): AsyncGenerator<Uint8Array> {
  if (child.stdout === null) {
    return;
  }
  let complete = false;
  try {
    for await (const chunk of child.stdout) {
      yield chunk as Uint8Array;
    }
    complete = true;
  } finally {
    if (!complete) {
      child.kill("SIGKILL");
    }
  }
}

function tailOf(child: ChildProcess, limit: number): () => string {
  let kept = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    kept = (kept + chunk.toString("latin1")).slice(-limit);
  });
  return () => kept;
}

/**
 * Runs a program on the caller's own terminal (standard streams are inherited) and returns its exit code: for a shell that an
 * administrator works in. Signals from the terminal reach the program, which decides what they mean; who ends this process alone, or
 * hangs up, ends the program with it.
 */
export function runInteractive(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const [program, ...args] = argv.map(asArgument);
  if (program === undefined) {
    throw new AppError("internal", "A program without a name was to be started");
  }
  const child = spawn(program, args, { env, stdio: "inherit" });
  const end = () => child.kill("SIGKILL");
  const ending = ["SIGTERM", "SIGHUP"] as const;
  for (const signal of ending) {
    process.on(signal, end);
  }
  return endOf(child, program).finally(() => {
    for (const signal of ending) {
      process.off(signal, end);
    }
  });
}

/** Node hands arguments over as UTF-8 only: bytes that are none cannot be passed, and must come by standard input. */
function asArgument(word: string): string {
  const bytes = Buffer.from(word, "latin1");
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) {
    throw new AppError("bad-input", `Cannot pass '${word}' to a program: it is not UTF-8`, {
      hint: "Use a folder whose name is valid UTF-8.",
    });
  }
  return text;
}
