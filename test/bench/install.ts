/**
 * A blank machine's tree, from the server to its disk: Ingot's daemon with the ramdisk's library and the installer's own write_tree, beside an
 * rsync daemon and beside `curl | zstd -d | tar -x` of an archive made beforehand, which a plain file server hands out. All on loopback and
 * tmpfs, by turns. Needs root, rsync, curl, zstd, busybox.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { treeFunctions } from "../../autoinstall/install/script-tree.ts";
import { CpuGroup } from "./cpu-group.ts";
import type { BenchOptions } from "./main.ts";
import { benchTrees, makeTree } from "./make-trees.ts";
import { median } from "./measure.ts";

const repository = path.resolve(import.meta.dirname, "../..");
const rsyncPort = 18_873;
const filesPort = 18_880;

export async function benchInstall(options: BenchOptions): Promise<void> {
  console.info(
    "| tree | with | wall s | CPU s | wall : rsync daemon | wall : by hand | CPU : rsync daemon | CPU : by hand |",
  );
  console.info("|---|---|---|---|---|---|---|---|");
  for (const [part, tree] of Object.entries(benchTrees)) {
    if (options.only === undefined || options.only.includes(part)) {
      await benchOne({ ...options, part, title: tree.name });
    }
  }
}

interface Sample {
  readonly wall: number;
  /** Server and machine together. */
  readonly cpu: number;
}

interface Contender {
  readonly name: string;
  readonly server: Server;
  /** Words of sh that fill the directory $TARGET. */
  readonly command: () => Promise<string>;
}

async function benchOne(
  options: BenchOptions & { readonly part: string; readonly title: string },
): Promise<void> {
  const at = (name: string) => path.join(options.folder, "install", name);
  rmSync(at(""), { recursive: true, force: true });
  makeTree(options.part, at("source"), options.scale);
  const contenders = await startContenders(at);
  const samples = new Map<string, Sample[]>();
  try {
    for (let round = 0; round < options.rounds; round++) {
      const first = round % contenders.length;
      for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
        const sample = await installOnce(contender, at(`target-${contender.server.name}-${round}`));
        samples.set(contender.name, [...(samples.get(contender.name) ?? []), sample]);
      }
    }
  } finally {
    for (const { server } of contenders) {
      await server.stop();
    }
    rmSync(at(""), { recursive: true, force: true });
  }
  print(options.title, samples);
}

async function startContenders(at: (name: string) => string): Promise<readonly Contender[]> {
  const write = path.join(at(""), "write-tree.sh");
  writeFileSync(write, writeTreeScript(at("work")));
  const script = "test/bench/install-server.ts";
  const daemon = [process.execPath, "--import", "tsx", script, at("state"), at("source")];
  const ingot = new Server("ingot", daemon, { asked: true });
  // The first answer tells that the image has its version.
  const ready = JSON.parse(await ingot.ask()) as { readonly token: string };
  if (ready.token === "") {
    throw new Error("The daemon does not arm its node");
  }
  writeFileSync(
    at("rsyncd.conf"),
    `port = ${rsyncPort}\naddress = 127.0.0.1\nuse chroot = no\nuid = root\ngid = root\n[image]\npath = ${at("source")}\n`,
  );
  const rsync = new Server("rsync", ["rsync", "--daemon", "--no-detach", `--config=${at("rsyncd.conf")}`]);
  mkdirSync(at("files"));
  const archive = `tar -C ${at("source")} --xattrs '--xattrs-include=*' -cf - . | zstd -q -3 -T0 -o ${at("files/tree.tar.zst")}`;
  execFileSync("sh", ["-c", archive]);
  const files = new Server("files", [
    "busybox",
    "httpd",
    "-f",
    "-p",
    `127.0.0.1:${filesPort}`,
    "-h",
    at("files"),
  ]);
  await delay(500);
  return [
    {
      ...{ name: "Ingot", server: ingot },
      command: async () => {
        const { server, pin, token } = JSON.parse(await ingot.ask()) as Record<string, string>;
        const environment = `INGOT_SERVER='${server}' INGOT_PIN='${pin}' INGOT_TOKEN='${token}'`;
        execFileSync("sh", ["-c", `${environment} sh ${write} begin`]);
        return `${environment} sh ${write} write`;
      },
    },
    {
      ...{ name: "rsync daemon", server: rsync },
      command: async () => `rsync -aHAX --numeric-ids rsync://127.0.0.1:${rsyncPort}/image/ "$TARGET/"`,
    },
    {
      ...{ name: "curl, zstd, tar by hand", server: files },
      command: async () =>
        `curl -sSf http://127.0.0.1:${filesPort}/tree.tar.zst | zstd -dcq | tar -C "$TARGET" -xp --numeric-owner --xattrs '--xattrs-include=*'`,
    },
  ];
}

/** What the ramdisk and the master script do between mounting and verifying. Reports are left out: the peers make none. */
function writeTreeScript(work: string): string {
  mkdirSync(work, { recursive: true });
  return `set -u
INGOT_RUN=${work} WORK=${work}
. ${repository}/netboot/ramdisk/node.sh
fail() { echo "$*" >&2; exit 1; }
if [ "$1" = begin ]; then
	ingot_configure
	: >"$WORK/progress.sh"
	ingot_fetch /node/script "$WORK/script"
	exit
fi
${treeFunctions}
write_tree 1000000
`;
}

async function installOnce({ server, command }: Contender, target: string): Promise<Sample> {
  mkdirSync(target);
  const words = await command();
  const machine = new CpuGroup("ingot-bench-machine");
  const [ownBefore, serverBefore] = [machine.seconds(), server.group.seconds()];
  const begun = performance.now();
  const [program = "", ...rest] = [...machine.words(), "sh", "-c", words];
  const child = spawn(program, rest, {
    env: { ...process.env, TARGET: target },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(child, "close")) as [number];
  const wall = (performance.now() - begun) / 1000;
  const cpu = machine.seconds() - ownBefore + server.group.seconds() - serverBefore;
  if (code !== 0) {
    throw new Error(`${words} ended with ${code}`);
  }
  rmSync(target, { recursive: true });
  return { wall, cpu };
}

function print(title: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const of = (name: string, key: keyof Sample) =>
    median((samples.get(name) ?? []).map((sample) => sample[key]));
  for (const name of samples.keys()) {
    const against = (key: keyof Sample, peer: string) => (of(name, key) / of(peer, key)).toFixed(2);
    const ratios = (["wall", "cpu"] as const).flatMap((key) =>
      ["rsync daemon", "curl, zstd, tar by hand"].map((peer) => against(key, peer)),
    );
    console.info(
      `| ${[title, name, of(name, "wall").toFixed(2), of(name, "cpu").toFixed(2), ...ratios].join(" | ")} |`,
    );
  }
}

/** A server in a control group of its own; one that reads lines can be asked. */
class Server {
  readonly name: string;
  readonly group: CpuGroup;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  /** `asked`: it reads lines. One that does not is given none: rsync would take a pipe of Node's for a connection. */
  constructor(name: string, command: readonly string[], { asked = false } = {}) {
    this.name = name;
    this.group = new CpuGroup(`ingot-bench-${name}`);
    const [program = "", ...words] = [...this.group.words(), ...command];
    this.#child = spawn(program, words, {
      cwd: repository,
      stdio: [asked ? "pipe" : "ignore", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async ask(): Promise<string> {
    this.#child.stdin?.write("arm\n");
    const line = await this.#answers.next();
    if (line.done === true) {
      throw new Error(`${this.name} ended`);
    }
    return line.value;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, "exit");
    }
    this.#lines.close();
    this.group.remove();
  }
}
