/**
 * TFTP and DHCP beside other servers, each in turn on the same cable between two namespaces, to the same client: atftp (which knows
 * windowsize) and perfdhcp. Needs root, atftp, perfdhcp. Peers that are not installed are named and left out.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compileTo } from "./compile.ts";
import { median } from "./measure.ts";
import {
  clientSpace,
  connect,
  disconnect,
  isThere,
  type Peer,
  peers,
  serverAddress,
  withPeer,
} from "./netboot-peers.ts";

export interface NetbootBenchOptions {
  readonly rounds: number;
  readonly folder: string;
}

interface TftpCase {
  readonly block: number;
  readonly window: number;
  readonly clients: number;
}

/** The loader is 1 MB; alone a client fetches more of it, so that starting atftp does not count. */
const fileSizes = { alone: 16_000_000, together: 1_000_000 } as const;
const offeredRates = [500, 1000, 2000, 4000];

const tftpCases: readonly TftpCase[] = [1, 64].flatMap((clients) =>
  [512, 1468].flatMap((block) => [1, 4, 16].map((window) => ({ block, window, clients }))),
);

export async function benchNetboot({ rounds, folder }: NetbootBenchOptions): Promise<void> {
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
    await benchTftp(there, { rounds, folder });
    await benchDhcp(there, { rounds, folder });
  } finally {
    disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchTftp(all: readonly Peer[], options: NetbootBenchOptions): Promise<void> {
  const servers = all.filter(({ serves }) => serves.includes("tftp"));
  const rates = new Map<string, number[]>();
  for (let round = 0; round < options.rounds; round++) {
    for (const peer of servers) {
      await withPeer(peer, options.folder, async () => {
        for (const one of tftpCases) {
          const key = JSON.stringify([peer.name, one]);
          rates.set(key, [...(rates.get(key) ?? []), await fetchAll(one)]);
        }
      });
    }
  }
  const names = servers.map(({ name }) => name);
  console.info(
    `| clients | blksize | windowsize | ${names.map((name) => `${name} MB/s`).join(" | ")} | best peer : Ingot |`,
  );
  console.info(`|---|---|---|${names.map(() => "---|").join("")}---|`);
  for (const one of tftpCases) {
    const values = names.map((name) => median(rates.get(JSON.stringify([name, one])) ?? []));
    const best = Math.max(...values.filter((_, index) => names[index] !== "Ingot"));
    const ratio = best / (values[names.indexOf("Ingot")] ?? Number.NaN);
    const cells = values.map((value) => value.toFixed(1)).join(" | ");
    console.info(`| ${one.clients} | ${one.block} | ${one.window} | ${cells} | ${ratio.toFixed(2)} |`);
  }
  console.info("");
}

/** Megabytes a second over all clients, from the first one's start to the last one's end. */
async function fetchAll({ block, window, clients }: TftpCase): Promise<number> {
  const name = clients === 1 ? "alone" : "together";
  const words = [
    ...["netns", "exec", clientSpace, "atftp", "--get", "-r", name, "-l", "/dev/null"],
    ...["--option", `blksize ${block}`, ...(window === 1 ? [] : ["--option", `windowsize ${window}`])],
    serverAddress,
  ];
  const begun = performance.now();
  const codes = await Promise.all(Array.from({ length: clients }, () => runQuietly("ip", words)));
  const seconds = (performance.now() - begun) / 1000;
  const failed = codes.filter((code) => code !== 0).length;
  if (failed > 0) {
    console.info(`(${failed} of ${clients} transfers failed: blksize ${block}, windowsize ${window})`);
  }
  return ((clients - failed) * fileSizes[name]) / 1e6 / seconds;
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
  const rates = new Map<string, number[]>();
  for (let round = 0; round < options.rounds; round++) {
    for (const peer of servers) {
      for (const offered of offeredRates) {
        await withPeer(peer, options.folder, async () => {
          const key = `${peer.name} ${offered}`;
          rates.set(key, [...(rates.get(key) ?? []), exchanges(offered)]);
        });
      }
    }
  }
  console.info(`| exchanges/s offered | ${servers.map(({ name }) => `${name} done/s`).join(" | ")} |`);
  console.info(`|---|${servers.map(() => "---|").join("")}`);
  for (const offered of offeredRates) {
    const cells = servers.map(({ name }) => median(rates.get(`${name} ${offered}`) ?? []).toFixed(0));
    console.info(`| ${offered} | ${cells.join(" | ")} |`);
  }
}

/** Whole exchanges a second (DISCOVER to ACK) of five seconds in which each is another machine's. */
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
    "5",
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
  return Number(acks ?? 0) / 5;
}
