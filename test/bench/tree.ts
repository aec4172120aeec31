/**
 * Capture and update beside rsync and bare tar over the same sshd, in turns: a full copy, one percent changed, a megabyte
 * changed in a large file, nothing changed; both directions. Needs sshd, rsync, GNU time and tar; mmdebstrap for the Debian.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { startSshd, type TestSshd } from "../interop/ssh-server.ts";
import { compileTo } from "./compile.ts";
import type { BenchOptions } from "./main.ts";
import { benchTrees, changeOneMegabyte, changeOnePercent, makeTree } from "./make-trees.ts";
import { measure, median, otherSide, type Sample } from "./measure.ts";
import type { ProductAnswer, ProductWork } from "./product.ts";

const rsyncOptions = "-aHAX --numeric-ids --delete";

export async function benchTree(options: BenchOptions): Promise<void> {
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sshd = await startSshd();
  try {
    const script = compileTo(path.join(folder, "built"), "test/bench/product.ts");
    console.info("| tree | work | with | wall s | CPU s | peak MiB | wire MB | wall : rsync | CPU : rsync |");
    console.info("|---|---|---|---|---|---|---|---|---|");
    for (const [part, tree] of Object.entries(benchTrees)) {
      if (options.only === undefined || options.only.includes(part)) {
        const bench = new TreeBench({ ...options, script, sshd, part, title: tree.name });
        await bench.run();
      }
    }
  } finally {
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface TreeBenchOptions extends BenchOptions {
  readonly script: string;
  readonly sshd: TestSshd;
  readonly part: string;
  readonly title: string;
}

type Contender = () => Promise<Sample | readonly [tree: Sample, all: Sample]>;

/** One tree, all works on it. Every contender has copies of its own, which are in step before each work. */
class TreeBench {
  readonly #options: TreeBenchOptions;
  readonly #sshdPid: number;
  readonly #ssh: string;
  #product: Product;
  #turn = 0;

  constructor(options: TreeBenchOptions) {
    const { sshd, script } = options;
    this.#options = options;
    this.#sshdPid = Number(readFileSync(path.join(sshd.folder, "pid"), "latin1"));
    this.#ssh = `ssh -p ${sshd.port} -i ${sshd.key} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    this.#product = new Product([script, String(sshd.port), sshd.key, this.#at("state")], this.#sshdPid);
  }

  #at(name: string): string {
    return path.join(this.#options.folder, "tree", name);
  }

  async run(): Promise<void> {
    const { part, scale } = this.#options;
    rmSync(this.#at(""), { recursive: true, force: true });
    makeTree(part, this.#at("source"), scale);
    const source = this.#at("source");
    try {
      await this.#full();
      if (part === "one") {
        await this.#inStep("1 MB changed", () => changeOneMegabyte(source, this.#turn++));
      } else if (part !== "large") {
        await this.#inStep("1 % changed", () => changeOnePercent(source, this.#turn++));
      }
      await this.#inStep("nothing changed", () => undefined);
    } finally {
      await this.#product.stop();
      rmSync(this.#at(""), { recursive: true, force: true });
    }
  }

  /** Into empty trees. A new folder each round: where a tree was just removed, the next one is made more slowly. */
  async #full(): Promise<void> {
    let round = 0;
    await this.#compare("full capture", () => this.#fresh("image"), {
      Ingot: () => this.#product.run({ work: "capture", image: `full-${round++}`, root: this.#at("source") }),
      rsync: () => this.#rsync(this.#remote("source"), this.#at("copy")),
      "tar, ssh, tar": () => this.#tar(this.#at("copy-tar")),
    });
    // What the later works are done on.
    await this.#product.run({ work: "capture", image: "bench", root: this.#at("source") });
    await this.#compare("full update", () => this.#fresh("node"), {
      Ingot: () => this.#product.run({ work: "update", image: "bench", root: this.#at("node") }),
      rsync: () => this.#rsync(this.#at("state/images/bench"), this.#remote("node-rsync")),
    });
  }

  /** What a capture writes, or what an update writes: the copies of the one stay for the works after the other. */
  #fresh(side: "image" | "node"): void {
    for (const name of side === "image" ? ["copy", "copy-tar"] : ["node", "node-rsync"]) {
      rmSync(this.#at(name), { recursive: true, force: true });
      mkdirSync(this.#at(name));
    }
    for (const name of side === "image" ? ["images", "versions", "packs"] : []) {
      rmSync(this.#at(`state/${name}`), { recursive: true, force: true });
    }
  }

  /** From a state in which all copies were equal. */
  async #inStep(what: string, change: () => void): Promise<void> {
    // Both directions by turns: what was captured is what the nodes are updated to.
    const capture = new Map<string, Sample[]>();
    const update = new Map<string, Sample[]>();
    for (let round = 0; round < this.#options.rounds; round++) {
      change();
      await this.#turnOf(capture, round, {
        Ingot: () => this.#product.run({ work: "capture", image: "bench", root: this.#at("source") }),
        rsync: () => this.#rsync(this.#remote("source"), this.#at("copy")),
      });
      await this.#turnOf(update, round, {
        Ingot: () => this.#product.run({ work: "update", image: "bench", root: this.#at("node") }),
        rsync: () => this.#rsync(this.#at("state/images/bench"), this.#remote("node-rsync")),
      });
    }
    this.#print(`capture, ${what}`, capture);
    this.#print(`update, ${what}`, update);
  }

  async #compare(
    work: string,
    prepare: () => void,
    contenders: Readonly<Record<string, Contender>>,
  ): Promise<void> {
    const samples = new Map<string, Sample[]>();
    for (let round = 0; round < this.#options.rounds; round++) {
      prepare();
      await this.#turnOf(samples, round, contenders);
    }
    this.#print(work, samples);
  }

  /** Each contender once, another one first in each round. */
  async #turnOf(
    samples: Map<string, Sample[]>,
    round: number,
    contenders: Readonly<Record<string, Contender>>,
  ): Promise<void> {
    const names = Object.keys(contenders);
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const measured = await contenders[name]?.();
      const [tree, all] = Array.isArray(measured) ? (measured as readonly Sample[]) : [measured as Sample];
      add(samples, name, tree);
      add(samples, `${name}, with its version`, all);
    }
  }

  #print(work: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
    const rsync = samples.get("rsync") ?? [];
    for (const [name, list] of [...samples].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const of = (key: keyof Sample, from = list) => median(from.map((sample) => sample[key]));
      const ratio = (key: keyof Sample) => (of(key) / of(key, rsync)).toFixed(2);
      const figures = [
        of("wall").toFixed(2),
        of("cpu").toFixed(2),
        of("peak").toFixed(0),
        of("wire").toFixed(1),
      ];
      console.info(
        `| ${[this.#options.title, work, name, ...figures, ratio("wall"), ratio("cpu")].join(" | ")} |`,
      );
    }
  }

  #remote(name: string): string {
    return `root@127.0.0.1:${this.#at(name)}`;
  }

  #rsync(from: string, to: string): Promise<Sample> {
    return measure(`rsync ${rsyncOptions} -e '${this.#ssh}' ${from}/ ${to}/`, this.#sshdPid);
  }

  #tar(to: string): Promise<Sample> {
    return measure(
      `${this.#ssh} root@127.0.0.1 'tar -C ${this.#at("source")} -cf - .' | tar -C ${to} -xpf - --numeric-owner`,
      this.#sshdPid,
    );
  }
}

function add(samples: Map<string, Sample[]>, name: string, sample: Sample | undefined): void {
  if (sample !== undefined) {
    samples.set(name, [...(samples.get(name) ?? []), sample]);
  }
}

/** The process that does Ingot's part. */
class Product {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  readonly #sshdPid: number;

  constructor(argv: readonly string[], sshdPid: number) {
    const child = spawn(process.execPath, [...argv], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    this.#sshdPid = sshdPid;
  }

  /** The tree alone; of a capture also the tree with its version. */
  async run(work: ProductWork): Promise<readonly [tree: Sample, all: Sample] | Sample> {
    const other = await otherSide(this.#sshdPid);
    this.#child.stdin?.write(`${JSON.stringify(work)}\n`);
    const line = await this.#answers.next();
    if (line.done === true) {
      throw new Error(`Ingot failed to ${work.work} ${work.root}`);
    }
    const answer = JSON.parse(line.value) as ProductAnswer;
    const { cpu, wire } = await other();
    const sample = (mark: ProductAnswer["all"]) => ({
      wall: mark.wall,
      cpu: mark.cpu + cpu,
      peak: answer.peak,
      wire,
    });
    return work.work === "capture" ? [sample(answer.tree), sample(answer.all)] : sample(answer.all);
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) {
      await once(this.#child, "exit");
    }
    this.#lines.close();
  }
}
