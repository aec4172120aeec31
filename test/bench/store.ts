/**
 * What keeping versions costs, beside tar and zstd and beside backup and tree stores, on the same trees in one run. Parts: small,
 * debian. Needs GNU time; peers are those of borg, restic and ostree that are installed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compileTo } from "./compile.ts";
import type { BenchOptions } from "./main.ts";
import { type BenchTree, benchTrees } from "./make-trees.ts";
import { type StorePeer, type StoreWork, storePeers } from "./store-peers.ts";

const versions = 10;

const treeNames = ["small", "debian"] as const;

export async function benchStores(options: BenchOptions): Promise<void> {
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    const { peers, absent } = storePeers(compileTo(path.join(folder, "built"), "test/bench/store-work.ts"));
    console.info(`Not installed: ${absent.length === 0 ? "none" : absent.join(", ")}\n`);
    console.info("| tree | with | work | wall s | CPU s | peak MiB | stored MB |");
    console.info("|---|---|---|---|---|---|---|");
    const trees = treeNames.flatMap((name) =>
      benchTrees[name] === undefined || options.only?.includes(name) === false ? [] : [benchTrees[name]],
    );
    for (const tree of trees) {
      for (const peer of peers) {
        benchPeer(peer, { ...options, tree });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each gets a fresh tree, and the same changes in it. */
function benchPeer(peer: StorePeer, task: BenchOptions & { readonly tree: BenchTree }): void {
  const { folder, tree } = task;
  const [state, store] = [path.join(folder, "state"), path.join(folder, "store")];
  const root = path.join(state, "images/web");
  rmSync(state, { recursive: true, force: true });
  rmSync(store, { recursive: true, force: true });
  tree.make(root, task.scale);
  const files = execFileSync("find", [root, "-type", "f", "-size", "+0"], {
    encoding: "latin1",
    maxBuffer: 1e9,
  })
    .trim()
    .split("\n")
    .sort((a, b) => (a < b ? -1 : 1));
  const environment = {
    ...process.env,
    STATE: state,
    STORE: store,
    TREE: root,
    FILE: path.relative(root, files[Math.floor(files.length / 2)] ?? ""),
    BORG_BASE_DIR: path.join(folder, "borg"),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    RESTIC_PASSWORD: "benchmark",
    RESTIC_CACHE_DIR: path.join(folder, "restic"),
  };
  const shell = (script: string, number: number) => timed(script, { ...environment, N: String(number) });
  const stored = () =>
    Number(execFileSync("sh", ["-c", peer.size], { env: environment, encoding: "latin1" })) / 1e6;
  const row = (work: StoreWork, number: number, size?: () => number) => {
    const script = peer.works[work];
    if (script !== undefined) {
      const { wall, cpu, peak } = shell(script, number);
      const cells = [
        wall.toFixed(2),
        cpu.toFixed(2),
        peak.toFixed(0),
        size === undefined ? "" : size().toFixed(1),
      ];
      console.info(`| ${tree.name} | ${peer.name} | ${work} | ${cells.join(" | ")} |`);
    }
  };
  shell(peer.init, 0);
  row("first commit", 1, stored);
  row("full read-out", 1);
  row("one file", 1);
  // tar keeps no versions: what it stores of an unchanged tree is a whole one more, which is not counted as one of the ten.
  row("nothing changed", 0);
  rmSync(path.join(store, "0.tar.zst"), { force: true });
  for (let number = 2; number < versions; number++) {
    churn(files, number);
    shell(peer.works["1 % changed"] ?? "true", number);
  }
  churn(files, versions);
  row("1 % changed", versions, stored);
}

/** Rewrites every hundredth file with content of the same size that is new. */
function churn(files: readonly string[], number: number): void {
  for (let at = number; at < files.length; at += 100) {
    const file = files[at] ?? "";
    const size = Number(execFileSync("stat", ["-c", "%s", file], { encoding: "latin1" }));
    const line = `version ${number} of ${at}\n`;
    writeFileSync(file, line.repeat(Math.ceil(size / line.length)).slice(0, size));
  }
}

function timed(script: string, env: Readonly<Record<string, string | undefined>>) {
  const run = spawnSync("/usr/bin/time", ["-f", "\n%e %U %S %M", "sh", "-c", script], {
    env,
    encoding: "latin1",
    stdio: ["ignore", "ignore", "pipe"],
    maxBuffer: 1e8,
  });
  const [wall = 0, user = 0, system = 0, peak = 0] = (run.stderr.trim().split("\n").at(-1) ?? "")
    .split(" ")
    .map(Number);
  if (run.status !== 0) {
    throw new Error(`${script}: ${run.stderr}`);
  }
  return { wall, cpu: user + system, peak: peak / 1024 };
}
