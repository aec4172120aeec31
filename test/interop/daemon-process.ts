/** `ingot serve` as a process of its own, and the `ingot` command line that talks to it. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ingotProgram } from "../programs.ts";

const repository = path.resolve(import.meta.dirname, "../..");

export interface DaemonProcess {
  readonly state: string;
  /** Runs `ingot WORDS` and returns what it prints. */
  ingot(words: readonly string[]): string;
  /** Starts `ingot WORDS`; settles when it has ended, however. */
  start(words: readonly string[]): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** `settings` are further lines of the configuration. */
export async function startDaemonProcess(folder: string, settings = ""): Promise<DaemonProcess> {
  const state = path.join(folder, "state");
  const config = path.join(folder, "ingot.yaml");
  mkdirSync(folder, { recursive: true });
  writeFileSync(config, `state: ${state}\napi: {listen: ["127.0.0.1:0"]}\n${settings}`);
  const [node, main] = ingotProgram;
  const child = spawn(node, [main, "serve", "--config", config], {
    cwd: repository,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-20_000);
      if (log.includes("Ingot is up")) {
        resolve();
      }
    });
    child.once("exit", () => reject(new Error(`the daemon ended: ${log}`)));
  });
  return {
    state,
    ingot: (words) =>
      execFileSync(node, [main, ...words, "--state", state], {
        cwd: repository,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }),
    start: (words) =>
      new Promise((resolve) => {
        const command = spawn(node, [main, ...words, "--state", state], {
          cwd: repository,
          stdio: "ignore",
        });
        command.once("exit", () => resolve());
      }),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
    },
  };
}
