/** Runs the programs that the flavor builder needs: what fails is told with what the program said. */
import { AppError } from "../../base/errors.ts";
import { type LocalProcess, type ProcessOptions, startProcess } from "../../base/process.ts";

export interface ProgramOptions {
  readonly cwd?: string;
  readonly input?: Iterable<Uint8Array>;
  /** Which Debian package brings the program, for the hint when it is not there. */
  readonly debianPackage: string;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningProgram {
  /** Must be read to its end or `return()`ed. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Resolves when the program has ended well, rejects with what it said when not. */
  readonly done: Promise<void>;
}

const outputLimit = 64 * 1024 * 1024;

/** Starts a program with a plain environment (messages in English, no prompts). */
export function startProgram(argv: readonly [string, ...string[]], options: ProgramOptions): RunningProgram {
  const running = startProcess(argv, processOptions(options));
  const done = finish(running, { program: argv[0], debianPackage: options.debianPackage });
  done.catch(() => undefined); // whoever awaits it later sees the error; nobody being there yet is not a crash
  return { stdout: running.stdout, done };
}

/** Runs a program to its end and returns what it printed. */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: ProgramOptions,
): Promise<string> {
  const { stdout, done } = startProgram(argv, options);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdout) {
    length += chunk.length;
    if (length > outputLimit) {
      throw new AppError("hostile", `Too much output: ${argv[0]} printed over ${outputLimit} bytes`);
    }
    parts.push(chunk);
  }
  await done;
  return Buffer.concat(parts).toString("utf8");
}

function processOptions(options: ProgramOptions): ProcessOptions {
  return {
    env: { HOME: "/", DEBIAN_FRONTEND: "noninteractive", ...proxyEnvironment() },
    ...(options.input === undefined ? {} : { stdin: chunks(options.input) }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}

async function finish(
  running: LocalProcess,
  what: { readonly program: string; readonly debianPackage: string },
): Promise<void> {
  let ended: Awaited<LocalProcess["exit"]>;
  try {
    ended = await running.exit;
  } catch (error) {
    if (error instanceof AppError && error.code === "missing-tool") {
      throw new AppError("missing-tool", error.message, {
        hint: `Install the package ${what.debianPackage}`,
        cause: error,
      });
    }
    throw error;
  }
  if (ended.code !== 0) {
    const said = ended.stderr.trim() || "it said nothing";
    throw new AppError("io", `${what.program} ended with ${ended.code}: ${said}`);
  }
}

/** A site's proxy settings, where apt's own configuration does not name one. */
function proxyEnvironment(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "APT_CONFIG"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function* chunks(input: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* input;
}
