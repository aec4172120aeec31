/** The most memory that Ingot's process has resident for trees of many small files, each work in a process of its own. Needs sshd and root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startSshd } from "../interop/ssh-server.ts";
import { compileTo } from "./compile.ts";
import type { BenchOptions } from "./main.ts";
import type { ProductAnswer, ProductWork } from "./product.ts";

export interface WorkPeak {
  readonly work: string;
  readonly seconds: number;
  /** MiB */
  readonly peak: number;
  /** Files that were sent, or actions of the plan. */
  readonly sent: number;
}

/** Captures a tree of so many entries and updates a node to it; `folder` is made anew and removed. */
export async function* measurePeaks(entries: number, folder: string): AsyncGenerator<WorkPeak> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sshd = await startSshd();
  const at = (name: string) => path.join(folder, name);
  try {
    const script = compileTo(at("built"), "test/bench/product.ts");
    const run = (title: string, { work, root }: Omit<ProductWork, "image">): WorkPeak => {
      const argv = [script, String(sshd.port), sshd.key, at("state")];
      const input = JSON.stringify({ work, root: at(root), image: "web" });
      const answer: ProductAnswer = JSON.parse(
        execFileSync(process.execPath, argv, { input, encoding: "utf8" }),
      );
      return { work: title, seconds: answer.all.wall, peak: answer.peak, sent: answer.sent };
    };
    makeFiles(at("client"), entries);
    mkdirSync(at("node"));
    yield run("first capture", { work: "capture", root: "client" });
    yield run("update of an empty node", { work: "update", root: "node" });
    yield run("capture, nothing changed", { work: "capture", root: "client" });
    yield run("update, nothing changed", { work: "update", root: "node" });
    touchAll(at("node"));
    yield run("update, all times changed", { work: "update", root: "node" });
    touchAll(at("client"));
    yield run("capture, all times changed", { work: "capture", root: "client" });
    yield run("update, all times changed in the image", { work: "update", root: "node" });
  } finally {
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const inDirectory = 50;

function makeFiles(root: string, entries: number): void {
  const count = Math.round((entries * inDirectory) / (inDirectory + 1));
  let directory = root;
  for (let i = 0; i < count; i++) {
    if (i % inDirectory === 0) {
      directory = path.join(root, `share-${i % 97}`, `a-directory-${i}`);
      mkdirSync(directory, { recursive: true });
    }
    writeFileSync(path.join(directory, `a-file-called-${i}`), `its content is ${i}\n`);
  }
  mkdirSync(path.join(root, "etc/systemimager"), { recursive: true });
}

function touchAll(root: string): void {
  execFileSync("sh", ["-c", "find . -type f -print0 | xargs -0 touch -d yesterday"], { cwd: root });
}

export async function benchMemory(options: BenchOptions): Promise<void> {
  console.info("| work | wall s | peak MiB | actions |");
  console.info("|---|---|---|---|");
  for await (const each of measurePeaks(1_000_000 * options.scale, options.folder)) {
    console.info(`| ${each.work} | ${each.seconds.toFixed(1)} | ${each.peak.toFixed(0)} | ${each.sent} |`);
  }
}
