/**
 * TFTP and DHCP beside other servers, on the same cable between two namespaces, to the same client: atftp (which knows windowsize) and
 * perfdhcp. TFTP servers run side by side and are asked by turns; DHCP servers take turns. Needs root, atftp, perfdhcp. Peers that are not
 * installed are named and left out.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compileTo } from "./compile.ts";
import { CpuGroup } from "./cpu-group.ts";
import { median } from "./measure.ts";
import {
  clientSpace,
  connect,
  disconnect,
  isThere,
  lengthenCable,
  type Peer,
  peers,
  type RunningPeer,
  serverAddress,
  startPeers,
} from "./netboot-peers.ts";

export interface NetbootBenchOptions {
  readonly rounds: number;
  readonly folder: string;
  /** `tftp`, `dhcp`; both unless told. */
  readonly only?: readonly string[];
}

interface TftpCase {
  readonly block: number;
  readonly window: number;
  readonly clients: number;
  /** Milliseconds that the cable takes there and back. */
  readonly delay: 0 | 1;
}

/** What was fetched in all rounds, and what that took of the server. */
interface Tally {
  readonly rates: number[];
  cpu: number;
  megabytes: number;
}

/** The loader is 1 MB; alone a client fetches more of it, so that starting atftp does not count. */
const fileSizes = { alone: 16_000_000, together: 1_000_000 } as const;
const offeredRates = [500, 1000, 2000, 4000];

const tftpCases: readonly TftpCase[] = [
  ...[1, 64].flatMap((clients) =>
    [512, 1468].flatMap((block) =>
      [1, 4, 16].map((window) => ({ block, window, clients, delay: 0 }) as const),
    ),
  ),
  ...[1, 64].flatMap((clients) =>
    [1, 4, 16].map((window) => ({ block: 1468, window, clients, delay: 1 }) as const),
  ),
];

export async function benchNetboot({ rounds, folder, only }: NetbootBenchOptions): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, "tftp"), { recursive: true });
  for (const [name, size] of Object.entries(fileSizes)) {
    writeFileSync(path.join(folder, "tftp", name), Buffer.alloc(size, "ingot"));
  }
  try {
    const all = peers(compileTo(path.join(folder, "built"), "test/bench/netboot-server.ts"));
    const there = all.filter(({ program }) => isThere(program));
    const absent = all.filter((peer) => !there.includes(peer)).map(({ name }) => name);
    console.info(absent.length === 0 ? "" : `Not installed, so left out: ${absent.join(", ")}\n`);
    connect();
    if (only?.includes("tftp") ?? true) {
      await benchTftp(there, { rounds, folder });
    }
    if (only?.includes("dhcp") ?? true) {
      await benchDhcp(there, { rounds, folder });
    }
  } finally {
    disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchTftp(all: readonly Peer[], options: NetbootBenchOptions): Promise<void> {
  const servers = await startPeers(
    all.filter(({ serves }) => serves.includes("tftp")),
    options.folder,
  );
  const tallies = new Map<string, Tally>();
  const tallyOf = (server: RunningPeer, one: TftpCase): Tally => {
    const key = JSON.stringify([server.peer.name, one]);
    const tally = tallies.get(key) ?? { rates: [], cpu: 0, megabytes: 0 };
    tallies.set(key, tally);
    return tally;
  };
  // Sixty-four clients on the server's own processors would leave a server of one process a sixty-fifth of them.
  const clients = new CpuGroup("ingot-bench-clients");
  try {
    for (const one of tftpCases) {
      const shorten = one.delay > 0 ? await lengthenCable() : undefined;
      for (let round = 0; round < options.rounds; round++) {
        // Another one goes first in each round.
        for (let turn = 0; turn < servers.length; turn++) {
          const server = servers[(turn + round) % servers.length] as RunningPeer;
          await fetchAll(server, one, { tally: tallyOf(server, one), clients });
        }
      }
      await shorten?.();
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    clients.remove();
  }
  printTftp(servers, tallyOf);
}

/** Rates say little on a machine that does other work as well; the server's processor time a megabyte says more. */
function printTftp(
  servers: readonly RunningPeer[],
  tallyOf: (server: RunningPeer, one: TftpCase) => Tally,
): void {
  const names = servers.map(({ peer }) => peer.name);
  const heads = names.map((name) => `${name} MB/s, ms/MB`).join(" | ");
  console.info(
    `| clients | delay | blksize | windowsize | ${heads} | best : Ingot, rate | Ingot : best, CPU |`,
  );
  console.info(`|---|---|---|---|${names.map(() => "---|").join("")}---|---|`);
  for (const one of tftpCases) {
    const seen = servers.map((server) => {
      const { rates, cpu, megabytes } = tallyOf(server, one);
      return { rate: median(rates), cost: (cpu * 1000) / megabytes, isOwn: server.peer.name === "Ingot" };
    });
    const own = seen.find(({ isOwn }) => isOwn);
    const others = seen.filter(({ isOwn, rate }) => !isOwn && rate > 0);
    if (own === undefined || own.rate === 0) {
      continue;
    }
    const cells = seen.map(({ rate, cost }) => `${rate.toFixed(1)}, ${cost.toFixed(1)}`).join(" | ");
    const rate = Math.max(...others.map((other) => other.rate)) / own.rate;
    const cost = own.cost / Math.min(...others.map((other) => other.cost));
    const what = [one.clients, `${one.delay} ms`, one.block, one.window].join(" | ");
    console.info(`| ${what} | ${cells} | ${rate.toFixed(2)} | ${cost.toFixed(2)} |`);
  }
  console.info("");
}

/** Megabytes a second over all clients, from the first one's start to the last one's end. */
async function fetchAll(
  server: RunningPeer,
  one: TftpCase,
  at: { readonly tally: Tally; readonly clients: CpuGroup },
): Promise<void> {
  const { tally, clients } = at;
  const { block, window } = one;
  // A millisecond for each block of sixteen megabytes would be eleven seconds of waiting.
  const name = one.clients === 1 && one.delay === 0 ? "alone" : "together";
  const [shell = "", ...rest] = clients.words();
  const words = [
    ...[...rest, "ip", "netns", "exec", clientSpace, "atftp", "--get", "-r", name, "-l", "/dev/null"],
    ...["--option", `blksize ${block}`, ...(window === 1 ? [] : ["--option", `windowsize ${window}`])],
    server.address,
  ];
  const cpu = server.cpu();
  const begun = performance.now();
  const codes = await Promise.all(Array.from({ length: one.clients }, () => runQuietly(shell, words)));
  const seconds = (performance.now() - begun) / 1000;
  const failed = codes.filter((code) => code !== 0).length;
  if (failed > 0) {
    console.info(
      `(${server.peer.name}: ${failed} of ${one.clients} transfers failed, ${JSON.stringify(one)})`,
    );
  }
  const megabytes = ((one.clients - failed) * fileSizes[name]) / 1e6;
  tally.rates.push(megabytes / seconds);
  tally.megabytes += megabytes;
  tally.cpu += server.cpu() - cpu;
}

function runQuietly(program: string, words: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: "ignore" });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

async function benchDhcp(all: readonly Peer[], options: NetbootBenchOptions): Promise<void> {
  if (!isThere("perfdhcp")) {
    console.info("perfdhcp is not installed: DHCP is left out");
    return;
  }
  const servers = all.filter(({ serves }) => serves.includes("dhcp"));
  const seen = new Map<string, { readonly done: number; readonly cpu: number }[]>();
  for (let round = 0; round < options.rounds; round++) {
    for (const offered of offeredRates) {
      for (const peer of servers) {
        const key = `${peer.name} ${offered}`;
        seen.set(key, [...(seen.get(key) ?? []), await exchangesWith(peer, offered, options.folder)]);
      }
    }
  }
  const heads = servers.map(({ name }) => `${name} done/s, ms each`).join(" | ");
  console.info(`| exchanges/s offered | ${heads} |`);
  console.info(`|---|${servers.map(() => "---|").join("")}`);
  for (const offered of offeredRates) {
    const cells = servers.map(({ name }) => {
      const runs = seen.get(`${name} ${offered}`) ?? [];
      const done = runs.map((run) => run.done);
      const each = (1000 * runs.reduce((sum, { cpu }) => sum + cpu, 0)) / done.reduce((a, b) => a + b, 0);
      return `${(median(done) / dhcpSeconds).toFixed(0)}, ${each.toFixed(2)}`;
    });
    console.info(`| ${offered} | ${cells.join(" | ")} |`);
  }
}

const dhcpSeconds = 5;

async function exchangesWith(
  peer: Peer,
  offered: number,
  folder: string,
): Promise<{ readonly done: number; readonly cpu: number }> {
  const [server] = await startPeers([peer], folder);
  if (server === undefined) {
    throw new Error(`${peer.name} did not start`);
  }
  try {
    const before = server.cpu();
    const done = exchanges(offered);
    return { done, cpu: server.cpu() - before };
  } finally {
    await server.stop();
  }
}

/** Whole exchanges (DISCOVER to ACK) of five seconds in which each is another machine's. */
function exchanges(offered: number): number {
  const words = [
    "-4",
    "-l",
    "c0",
    "-r",
    String(offered),
    "-R",
    "60000",
    "-p",
    String(dhcpSeconds),
    "-W",
    "1000000",
    serverAddress,
  ];
  let output: string;
  try {
    output = execFileSync("ip", ["netns", "exec", clientSpace, "perfdhcp", ...words], { encoding: "utf8" });
  } catch (error) {
    // It ends with 3 where some exchanges were not done.
    output = String((error as { readonly stdout?: unknown }).stdout ?? "");
  }
  const acks = /REQUEST-ACK\*\*\*[\s\S]*?received packets: (\d+)/.exec(output)?.[1];
  return Number(acks ?? 0);
}
