/** The servers that the netboot bench puts beside each other, and how each is started in its namespace. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CpuGroup } from "./cpu-group.ts";

/** DHCP servers take turns at the first address; of TFTP servers, which run side by side, each has its own. */
export const serverAddress = "10.78.0.1";
const serverAddresses = [1, 2, 3, 4].map((host) => `10.78.0.${host}`);
const clientAddress = "10.78.0.200";
export const serverSpace = "ingot-bench-s";
export const clientSpace = "ingot-bench-c";

export interface Peer {
  readonly name: string;
  readonly program: string;
  readonly serves: readonly ("tftp" | "dhcp")[];
  readonly words: (folder: string, address: string) => readonly string[];
}

export interface RunningPeer {
  readonly peer: Peer;
  readonly address: string;
  /** User and system seconds of the server, with all that it has started. */
  readonly cpu: () => number;
  readonly stop: () => Promise<void>;
}

export function peers(ingot: string): readonly Peer[] {
  return [
    {
      name: "Ingot",
      program: process.execPath,
      serves: ["tftp", "dhcp"],
      words: (folder, address) => [
        ...[ingot, address, path.join(folder, "tftp")],
        path.join(folder, "leases", `db-${address}`),
      ],
    },
    {
      name: "tftpd-hpa",
      program: "in.tftpd",
      serves: ["tftp"],
      words: (folder, address) => [
        ...["--foreground", "--listen", "--user", "root", "--address", `${address}:69`],
        ...["--secure", path.join(folder, "tftp")],
      ],
    },
    {
      name: "atftpd",
      program: "atftpd",
      serves: ["tftp"],
      words: (folder, address) => [
        ...["--daemon", "--no-fork", "--user", "root.root", "--bind-address", address],
        ...["--logfile", "/dev/null", path.join(folder, "tftp")],
      ],
    },
    {
      name: "dnsmasq",
      program: "dnsmasq",
      serves: ["tftp", "dhcp"],
      words: (folder, address) => [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--quiet-tftp"],
        ...["--quiet-dhcp", "--no-ping", "--log-facility=/dev/null", "--pid-file"],
        ...["--bind-interfaces", `--listen-address=${address}`],
        ...["--enable-tftp", `--tftp-root=${path.join(folder, "tftp")}`, "--tftp-max=200"],
        ...["--dhcp-range=10.78.16.0,10.78.255.250,255.255.0.0,1h", "--dhcp-lease-max=60000"],
        `--dhcp-leasefile=${path.join(folder, "leases", "dnsmasq")}`,
      ],
    },
    {
      name: "Kea",
      program: "kea-dhcp4",
      serves: ["dhcp"],
      words: (folder) => ["-c", path.join(folder, "kea.json")],
    },
  ];
}

export function isThere(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}

/** Two namespaces on one cable. */
export function connect(): void {
  disconnect();
  for (const line of [
    `ip netns add ${serverSpace}`,
    `ip netns add ${clientSpace}`,
    `ip -n ${serverSpace} link add s0 type veth peer name c0 netns ${clientSpace}`,
    ...serverAddresses.map((address) => `ip -n ${serverSpace} addr add ${address}/16 dev s0`),
    `ip -n ${clientSpace} addr add ${clientAddress}/16 dev c0`,
    ...[serverSpace, clientSpace].map((space) => `ip -n ${space} link set lo up`),
    `ip -n ${serverSpace} link set s0 up`,
    `ip -n ${clientSpace} link set c0 up`,
  ]) {
    execFileSync("sh", ["-c", line]);
  }
}

export function disconnect(): void {
  for (const space of [serverSpace, clientSpace]) {
    spawnSync("ip", ["netns", "del", space], { stdio: "ignore" });
  }
}

/**
 * Puts another cable in the place of the first, on which every frame takes half a millisecond each way; gives what takes it away again.
 * A program of the bench is that cable, the same for all servers: not every kernel can delay packets.
 */
export async function lengthenCable(): Promise<() => Promise<void>> {
  const program = path.join(import.meta.dirname, "slow-cable.pl");
  const words = ["netns", "exec", serverSpace, "perl", program, "s1", "c1", "500"];
  const cable = spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(cable, "exit");
  const [said] = (await Promise.race([once(cable.stdout, "data"), ended])) as unknown[];
  if (!String(said).startsWith("up")) {
    throw new Error("the slow cable could not be made");
  }
  execFileSync("ip", ["-n", serverSpace, "link", "set", "c1", "netns", clientSpace]);
  moveAddresses({ from: ["s0", "c0"], to: ["s1", "c1"] });
  return async () => {
    moveAddresses({ from: ["s1", "c1"], to: ["s0", "c0"] });
    cable.kill("SIGTERM");
    // Until it has ended its devices are there, and another cable's could not be.
    await ended;
  };
}

type Ends = readonly [server: string, client: string];

function moveAddresses({ from, to }: { readonly from: Ends; readonly to: Ends }): void {
  for (const [index, space] of [serverSpace, clientSpace].entries()) {
    const addresses = index === 0 ? serverAddresses : [clientAddress];
    execFileSync("ip", ["-n", space, "addr", "flush", "dev", from[index] ?? ""]);
    for (const address of addresses) {
      execFileSync("ip", ["-n", space, "addr", "add", `${address}/16`, "dev", to[index] ?? ""]);
    }
    execFileSync("ip", ["-n", space, "link", "set", to[index] ?? "", "up"]);
  }
}

/** Starts servers side by side, the n-th at 10.78.0.n; their leases start empty. */
export async function startPeers(all: readonly Peer[], folder: string): Promise<readonly RunningPeer[]> {
  const leases = path.join(folder, "leases");
  rmSync(leases, { recursive: true, force: true });
  mkdirSync(leases, { recursive: true });
  const running = all.map((peer, index) => startPeer(peer, { folder, address: `10.78.0.${index + 1}` }));
  await delay(3000);
  return running;
}

function startPeer(
  peer: Peer,
  { folder, address }: { readonly folder: string; readonly address: string },
): RunningPeer {
  const leases = path.join(folder, "leases");
  writeFileSync(path.join(folder, "kea.json"), keaConfig(leases));
  const group = new CpuGroup(`ingot-bench-${address}`);
  const [shell = "", ...rest] = group.words();
  const argv = ["ip", "netns", "exec", serverSpace, peer.program, ...peer.words(folder, address)];
  const child: ChildProcess = spawn(shell, [...rest, ...argv], {
    stdio: "ignore",
    env: { ...process.env, KEA_PIDFILE_DIR: leases, KEA_LOCKFILE_DIR: leases },
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    peer,
    address,
    cpu: () => {
      if (child.exitCode !== null) {
        throw new Error(`${peer.name} ended with ${child.exitCode}`);
      }
      return group.seconds();
    },
    stop: async () => {
      child.kill("SIGTERM");
      await Promise.race([ended, delay(3000).then(() => child.kill("SIGKILL"))]);
      group.remove();
    },
  };
}

function keaConfig(leases: string): string {
  return JSON.stringify({
    Dhcp4: {
      "interfaces-config": { interfaces: ["s0"], "dhcp-socket-type": "raw" },
      "lease-database": { type: "memfile", persist: true, name: path.join(leases, "kea.csv") },
      "valid-lifetime": 3600,
      subnet4: [{ id: 1, subnet: "10.78.0.0/16", pools: [{ pool: "10.78.16.0 - 10.78.255.250" }] }],
    },
  });
}
