/** The built `ingot`: its daemon and its command line, in a lab's namespace. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inNamespace, labNetwork } from "./network.ts";
import { type LabPlace, registerProcess } from "./registry.ts";
import { type RunOptions, type RunResult, run, startBackground, waitFor } from "./run.ts";

const main = fileURLToPath(new URL("../../dist/server/cli/main.js", import.meta.url));

/** Where a daemon's wire is: the lab's closed network, or this machine's own, for what needs package mirrors. */
export type Wire = "lab" | "host";

export interface DaemonOptions {
  /** Merged over the lab's own configuration, top-level key by top-level key. A string is taken as the whole file. */
  readonly config?: Readonly<Record<string, unknown>> | string;
  readonly wire?: Wire;
}

export interface Daemon {
  readonly pid: number;
  readonly configFile: string;
  readonly logFile: string;
  readonly running: () => boolean;
  /** Asks it to stop, and waits; gives its exit code. */
  readonly stop: () => Promise<number>;
  /** Ends it without any warning, as a power cut would. */
  readonly kill: () => Promise<void>;
}

export function stateFolder(place: LabPlace): string {
  return join(place.folder, "state");
}

/** The configuration of a lab's daemon: DHCP, TFTP and HTTP for the machines on the lab's wire, the lab's key for SSH. */
export function labConfig(place: LabPlace, keyFile: string): Readonly<Record<string, unknown>> {
  return {
    state: stateFolder(place),
    netboot: {
      interfaces: [
        {
          name: labNetwork.interface,
          mode: "server",
          address: labNetwork.serverAddress,
          subnet: labNetwork.cidr,
        },
      ],
    },
    ssh: { keys: [keyFile] },
    log: { level: "debug" },
  };
}

/** Starts `ingot serve` and waits until it answers. */
export async function startDaemon(
  place: LabPlace,
  options: DaemonOptions & { readonly keyFile: string; readonly signal: AbortSignal },
): Promise<Daemon> {
  const wire = options.wire ?? "lab";
  const configFile = join(place.folder, `ingot-${wire}.yaml`);
  const base = labConfig(place, options.keyFile);
  // On this machine's own wire, somebody may have the port already: the socket is all that is wanted there.
  const settings = wire === "lab" ? base : { ...base, netboot: {}, api: { listen: [] } };
  // JSON is YAML, and shows in an error's line number what was meant.
  const config = options.config;
  writeFileSync(
    configFile,
    typeof config === "string" ? config : `${JSON.stringify({ ...settings, ...config }, null, 2)}\n`,
  );
  const logFile = join(place.folder, "ingot.log");
  const words = ["serve", "--state", stateFolder(place), "--config", configFile];
  const background = startBackground([...onWire(place, wire), process.execPath, main, ...words], { logFile });
  registerProcess(place, background.pid);
  await waitFor(
    async () => {
      if (!background.running()) {
        throw new Error(`'ingot serve' ended at once:\n${readFileSync(logFile, "utf8").slice(-3000)}`);
      }
      const status = await ingot(place, ["status"], { allowFailure: true, timeoutMs: 100_000, wire });
      return status.code === 0 ? true : undefined;
    },
    { what: "'ingot serve' to answer", timeoutMs: 300_000, everyMs: 100, signal: options.signal },
  );
  return {
    pid: background.pid,
    configFile,
    logFile,
    running: background.running,
    stop: async () => {
      await background.stop(15_000);
      return await background.exited;
    },
    kill: () => background.stop(0),
  };
}

/** Runs the command line against the lab's daemon. */
export function ingot(
  place: LabPlace,
  words: readonly string[],
  options: RunOptions & { readonly wire?: Wire } = {},
): Promise<RunResult> {
  if (!existsSync(main)) {
    throw new Error(`${main} is not there: run 'npm run build'`);
  }
  return run([...onWire(place, options.wire ?? "lab"), process.execPath, main, ...words], {
    timeoutMs: 3_500_000,
    ...options,
    env: { INGOT_STATE: stateFolder(place), ...options.env },
  });
}

function onWire(place: LabPlace, wire: Wire): readonly string[] {
  return wire === "lab" ? inNamespace(place.namespace) : [];
}
