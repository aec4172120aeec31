/** Full copy, copy of 1 % changed and copy of nothing changed, beside rsync and bare tar over the same sshd, in turns. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startSshd, type TestSshd } from "../interop/ssh-server.ts";
import { compileTo } from "./compile.ts";
import { benchTreeKinds } from "./make-trees.ts";
import { measure, median, type Sample } from "./measure.ts";

export interface BenchOptions {
  readonly scale: number;
  readonly rounds: number;
  readonly folder: string;
}

interface Contender {
  readonly name: string;
  readonly command: string;
}

export async function benchTrees(options: BenchOptions): Promise<void> {
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sshd = await startSshd();
  try {
    const script = compileTo(path.join(folder, "built"), "test/bench/copy-over-ssh.ts");
    const sshdPid = Number(readFileSync(path.join(sshd.folder, "pid"), "latin1"));
    console.info("| tree | work | with | wall s | CPU s | peak MiB | wire MB | wall : rsync | CPU : rsync |");
    console.info("|---|---|---|---|---|---|---|---|---|");
    for (const tree of benchTreeKinds) {
      const source = path.join(folder, "source");
      rmSync(source, { recursive: true, force: true });
      tree.make(source, options.scale);
      const contenders = contendersFor(sshd, { script, source, target: path.join(folder, "target") });
      for (const work of ["into an empty tree", "1 % changed", "nothing changed"] as const) {
        await compare({ ...options, tree: tree.name, work, contenders, sshdPid });
      }
    }
  } finally {
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function contendersFor(
  sshd: TestSshd,
  at: { readonly script: string; readonly source: string; readonly target: string },
): readonly Contender[] {
  const ssh = `ssh -p ${sshd.port} -i ${sshd.key} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
  return [
    {
      name: "Ingot",
      command: `node ${at.script} ${sshd.port} ${sshd.key} ${at.source} ${at.target} known`,
    },
    {
      name: "rsync -aHAX --numeric-ids --delete",
      command: `rsync -aHAX --numeric-ids --delete -e '${ssh}' root@127.0.0.1:${at.source}/ ${at.target}/`,
    },
    {
      name: "tar, ssh, tar",
      command: `${ssh} root@127.0.0.1 'tar -C ${at.source} -cf - .' | tar -C ${at.target} -xf -`,
    },
  ];
}

interface Comparison extends BenchOptions {
  readonly tree: string;
  readonly work: "into an empty tree" | "1 % changed" | "nothing changed";
  readonly contenders: readonly Contender[];
  readonly sshdPid: number;
}

async function compare(comparison: Comparison): Promise<void> {
  const { work, folder } = comparison;
  const contenders = comparison.contenders.filter(
    ({ name }) => work === "into an empty tree" || !name.startsWith("tar"),
  );
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < comparison.rounds; round++) {
    for (const { name, command } of contenders) {
      prepare(folder, work);
      samples.get(name)?.push(await measure(command, comparison.sshdPid));
    }
  }
  const rsync = samples.get("rsync -aHAX --numeric-ids --delete") ?? [];
  for (const [name, list] of samples) {
    const of = (key: keyof Sample, from = list) => median(from.map((sample) => sample[key]));
    const ratio = (key: keyof Sample) => (of(key) / of(key, rsync)).toFixed(2);
    console.info(
      `| ${comparison.tree} | ${work} | ${name} | ${of("wall").toFixed(2)} | ${of("cpu").toFixed(2)} | ${of("peak").toFixed(0)} | ${of("wire").toFixed(1)} | ${ratio("wall")} | ${ratio("cpu")} |`,
    );
  }
}

function prepare(folder: string, work: Comparison["work"]): void {
  const target = path.join(folder, "target");
  rmSync(target, { recursive: true, force: true });
  if (work === "into an empty tree") {
    mkdirSync(target);
    return;
  }
  execFileSync("cp", ["-a", path.join(folder, "source"), target]);
  if (work === "1 % changed") {
    const files = execFileSync("find", [target, "-type", "f"], { encoding: "latin1", maxBuffer: 1e8 }).trim();
    for (const [index, file] of files.split("\n").entries()) {
      if (index % 100 === 0) {
        writeFileSync(file, "changed");
      }
    }
  }
}
