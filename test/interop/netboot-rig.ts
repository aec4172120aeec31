/** Two network namespaces joined by a bridge, netboot's servers in one, clients in the other. Needs root. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programOf } from "../programs.ts";
import type { NetbootServerInput } from "./netboot-server.ts";

export const clientMac = "52:54:00:aa:00:01";
export const farMac = "52:54:00:aa:00:07";
export const loader = "/usr/lib/ipxe/undionly.kpxe";

/** Why the tests cannot run here, if so. */
export function missingForRig(programs: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) {
    return "not root";
  }
  const absent = ["ip", ...programs].find(
    (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0,
  );
  return absent === undefined ? (existsSync(loader) ? undefined : `${loader} is not there`) : `no ${absent}`;
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

export class NetbootRig {
  readonly folder = mkdtempSync(join(tmpdir(), "ingot-netboot-"));
  readonly server: string;
  readonly client: string;
  /** A namespace behind the client's, joined to it by v2 and v3. */
  readonly far: string;
  #process: ChildProcess | undefined;
  #log = "";

  constructor(name: string) {
    this.server = `ingt-${name}-s`;
    this.client = `ingt-${name}-c`;
    this.far = `ingt-${name}-f`;
  }

  /** What the servers have logged so far, one JSON object a line. */
  get log(): string {
    return this.#log;
  }

  /** The server's process. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Makes the namespaces: a bridge with 10.77.0.1 and two taps in the servers', a card on it in the clients'. */
  connect(): void {
    this.#removeNamespaces();
    for (const line of [
      `ip netns add ${this.server}`,
      `ip netns add ${this.client}`,
      `ip netns add ${this.far}`,
      `ip -n ${this.server} link add br0 type bridge`,
      `ip -n ${this.server} addr add 10.77.0.1/24 dev br0`,
      `ip -n ${this.server} link set br0 up`,
      `ip -n ${this.server} link set lo up`,
      `ip -n ${this.server} link add v0 type veth peer name v1 netns ${this.client}`,
      `ip -n ${this.server} link set v0 master br0 up`,
      ...["tap0", "tap1"].flatMap((tap) => [
        `ip -n ${this.server} tuntap add ${tap} mode tap`,
        `ip -n ${this.server} link set ${tap} master br0 up`,
      ]),
      `ip -n ${this.client} link set v1 address ${clientMac} up`,
      `ip -n ${this.client} link add v2 type veth peer name v3 netns ${this.far}`,
      `ip -n ${this.client} link set v2 up`,
      `ip -n ${this.far} link set v3 address ${farMac} up`,
    ]) {
      const done = spawnSync("sh", ["-c", line], { encoding: "utf8" });
      if (done.status !== 0) {
        throw new Error(`${line}: ${done.stderr}`);
      }
    }
  }

  async start(change: Partial<NetbootServerInput> = {}): Promise<void> {
    this.connect();
    const input: NetbootServerInput = {
      ...{ address: "10.77.0.1", subnet: "10.77.0.0/24", router: "10.77.0.1", leaseSeconds: 60 },
      hosts: {
        [clientMac]: { hostname: "node1", address: "10.77.0.11" } as NetbootServerInput["hosts"][string],
      },
      decision: { kind: "local-disk", reason: "not armed" },
      files: { "undionly.kpxe": loader, "snponly.efi": "/usr/lib/ipxe/snponly.efi" },
      ...change,
    };
    await this.serve(
      [...programOf(new URL("./netboot-server.ts", import.meta.url)), JSON.stringify(input)],
      '"ready"',
    );
  }

  /** Runs a server in the servers' namespace until `stop`; returns when its output holds `ready`. */
  async serve(argv: readonly string[], ready: string): Promise<void> {
    this.#process = spawn("ip", ["netns", "exec", this.server, ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#log += chunk.toString();
      });
    }
    await this.waitFor(() => this.#log.includes(ready), 180_000);
  }

  async waitFor(done: () => boolean, milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!done()) {
      if (Date.now() > end) {
        throw new Error(`Waited ${milliseconds} ms in vain; the log says:\n${this.#log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Runs a shell line in the client's namespace, in the rig's folder. */
  run(line: string, seconds = 30): Promise<Ran> {
    return this.#spawn(this.client, line, seconds);
  }

  /** Runs a shell line in the namespace behind the client's. */
  runFar(line: string, seconds = 30): Promise<Ran> {
    return this.#spawn(this.far, line, seconds);
  }

  /** Runs a shell line in the servers' namespace. */
  runBesideServer(line: string, seconds = 30): Promise<Ran> {
    return this.#spawn(this.server, line, seconds);
  }

  #spawn(namespace: string, line: string, seconds: number): Promise<Ran> {
    const words = ["netns", "exec", namespace, "timeout", String(seconds), "sh", "-c", line];
    const child = spawn("ip", words, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString("latin1");
      });
    }
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
  }

  /** Ends the server with SIGTERM and waits for it. */
  async stopServing(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    }
  }

  async stop(): Promise<void> {
    await this.stopServing();
    this.#removeNamespaces();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #removeNamespaces(): void {
    for (const namespace of [this.server, this.client, this.far]) {
      spawnSync("ip", ["netns", "del", namespace]);
    }
  }
}
