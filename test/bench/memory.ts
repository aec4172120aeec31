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
  /** Processor seconds of Ingot's process and of the programs that it ran. */
  readonly cpu: number;
  /** MiB */
  readonly peak: number;
  /** Files that were sent, or actions of the plan. */
  readonly sent: number;
}

interface Step {
  /** As `--only` calls it. */
  readonly part: string;
  readonly title: string;
  readonly work: ProductWork["work"];
  /** Whose files get another time before. */
  readonly touch?: "client" | "node";
}

/** One after the other on the same trees: what is left out is not there for those behind it. */
const steps: readonly Step[] = [
  { part: "full", title: "first capture", work: "capture" },
  { part: "full", title: "update of an empty node", work: "update" },
  { part: "nothing", title: "capture, nothing changed", work: "capture" },
  { part: "nothing", title: "update, nothing changed", work: "update" },
  { part: "times", title: "update, all times changed", work: "update", touch: "node" },
  { part: "times", title: "capture, all times changed", work: "capture", touch: "client" },
  { part: "times", title: "update, all times changed in the image", work: "update" },
];

/** Captures a tree of so many entries and updates a node to it; `folder` is made anew and removed. */
export async function* measurePeaks(
  entries: number,
  options: {
    readonly folder: string;
    readonly only?: readonly string[];
    /** MB that V8's heap may have: what is held must fit, and garbage does not hide it. */
    readonly heap?: number;
  },
): AsyncGenerator<WorkPeak> {
  const { folder, only, heap } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sshd = await startSshd();
  const at = (name: string) => path.join(folder, name);
  try {
    const script = compileTo(at("built"), "test/bench/product.ts");
    makeFiles(at("client"), entries);
    mkdirSync(at("node"));
    for (const { title, work, touch } of steps.filter(({ part }) => only?.includes(part) !== false)) {
      if (touch !== undefined) {
        execFileSync("sh", ["-c", "find . -type f -print0 | xargs -0 touch -d yesterday"], {
          cwd: at(touch),
        });
      }
      const root = at(work === "capture" ? "client" : "node");
      const limited = heap === undefined ? [] : [`--max-old-space-size=${heap}`];
      const argv = [...limited, script, String(sshd.port), sshd.key, at("state")];
      const input = JSON.stringify({ work, root, image: "web" });
      const said = execFileSync(process.execPath, argv, { input, encoding: "utf8" });
      const { all, peak, sent } = JSON.parse(said) as ProductAnswer;
      yield { work: title, seconds: all.wall, cpu: all.cpu, peak, sent };
    }
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

export async function benchMemory(options: BenchOptions): Promise<void> {
  console.info("| work | wall s | CPU s | peak MiB | actions |");
  console.info("|---|---|---|---|---|");
  for await (const each of measurePeaks(1_000_000 * options.scale, options)) {
    console.info(
      `| ${each.work} | ${each.seconds.toFixed(1)} | ${each.cpu.toFixed(1)} | ${each.peak.toFixed(0)} | ${each.sent} |`,
    );
  }
}
