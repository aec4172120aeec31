/** The servers that the netboot bench puts beside each other, and how each is started in its namespace. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export const serverAddress = "10.78.0.1";
const clientAddress = "10.78.0.2";
export const serverSpace = "ingot-bench-s";
export const clientSpace = "ingot-bench-c";

export interface Peer {
  readonly name: string;
  readonly program: string;
  readonly serves: readonly ("tftp" | "dhcp")[];
  readonly words: (folder: string) => readonly string[];
}

export function peers(ingot: string): readonly Peer[] {
  return [
    {
      name: "Ingot",
      program: process.execPath,
      serves: ["tftp", "dhcp"],
      words: (folder) => [ingot, serverAddress, path.join(folder, "tftp"), path.join(folder, "leases", "db")],
    },
    {
      name: "tftpd-hpa",
      program: "in.tftpd",
      serves: ["tftp"],
      words: (folder) => [
        ...["--foreground", "--listen", "--user", "root", "--address", `${serverAddress}:69`],
        ...["--secure", path.join(folder, "tftp")],
      ],
    },
    {
      name: "atftpd",
      program: "atftpd",
      serves: ["tftp"],
      words: (folder) => [
        ...["--daemon", "--no-fork", "--user", "root.root", "--bind-address", serverAddress],
        ...["--logfile", "/dev/null", path.join(folder, "tftp")],
      ],
    },
    {
      name: "dnsmasq",
      program: "dnsmasq",
      serves: ["tftp", "dhcp"],
      words: (folder) => [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--quiet-tftp"],
        ...["--quiet-dhcp", "--no-ping", "--log-facility=/dev/null", "--pid-file"],
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
    `ip -n ${serverSpace} addr add ${serverAddress}/16 dev s0`,
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

/** Runs a peer while `work` does; its leases start empty. */
export async function withPeer(peer: Peer, folder: string, work: () => Promise<void>): Promise<void> {
  const leases = path.join(folder, "leases");
  rmSync(leases, { recursive: true, force: true });
  mkdirSync(leases, { recursive: true });
  writeFileSync(path.join(folder, "kea.json"), keaConfig(leases));
  const child: ChildProcess = spawn(
    "ip",
    ["netns", "exec", serverSpace, peer.program, ...peer.words(folder)],
    { stdio: "ignore", env: { ...process.env, KEA_PIDFILE_DIR: leases, KEA_LOCKFILE_DIR: leases } },
  );
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    await delay(2500);
    if (child.exitCode !== null) {
      throw new Error(`${peer.name} ended with ${child.exitCode}`);
    }
    await work();
  } finally {
    child.kill("SIGTERM");
    await Promise.race([ended, delay(3000).then(() => child.kill("SIGKILL"))]);
  }
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
