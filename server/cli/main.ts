#!/usr/bin/env node
/** The process edge: the only reader of `process` in the CLI. */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { CliEnv, OutputStream } from "./command.ts";
import { runCli } from "./run.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) {
      process.exit(130);
    }
    stop.abort();
  });
}

function outputOf(stream: NodeJS.WriteStream): OutputStream {
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    columns: stream.columns ?? 100,
  };
}

const env: CliEnv = {
  stdin: process.stdin,
  stdinIsTerminal: process.stdin.isTTY === true,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  variables: process.env,
  cwd: process.cwd(),
  program: process.argv[1] ?? "ingot",
  clock: {
    now: () => Date.now(),
    sleep: async (time, signal) => await delay(time, undefined, signal === undefined ? {} : { signal }),
  },
  signal: stop.signal,
};

// A reader that went away (`ingot node list | head`) is no fault.
process.stdout.on("error", () => process.exit(0));

process.exitCode = await runCli(process.argv.slice(2), env);
process.stdin.unref?.();
