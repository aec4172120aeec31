/**
 * Ingot at work for the benchmark: the real capture and update, in a process that stays, as the daemon does. Compiled, and
 * driven by one JSON line for each work; answers with one line.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { collectOften } from "../../server/heap.ts";
import { memoryHostKeys } from "../interop/ssh-server.ts";

export interface ProductWork {
  readonly work: "capture" | "update";
  readonly image: string;
  /** The golden client's or the node's tree. */
  readonly root: string;
}

export interface ProductMark {
  readonly wall: number;
  /** User and system seconds of this process and of the programs that it has run. */
  readonly cpu: number;
}

export interface ProductAnswer {
  /** When the tree was there, and when its version was too. */
  readonly tree: ProductMark;
  readonly all: ProductMark;
  /** MiB, of this process. */
  readonly peak: number;
  readonly sent: number;
}

collectOften();
const [port = "", key = "", state = ""] = process.argv.slice(2);
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const store = new DirectoryStore({ state, clock });
const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [key] });

function cpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ") ?? [];
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + (Number(fields[13]) + Number(fields[14])) / 100;
}

async function run({ work, image, root }: ProductWork): Promise<ProductAnswer> {
  writeFileSync("/proc/self/clear_refs", "5");
  const begun = performance.now();
  const cpu = cpuSeconds();
  const mark = () => ({ wall: (performance.now() - begun) / 1000, cpu: cpuSeconds() - cpu });
  let tree: ProductMark | undefined;
  let sent = 0;
  const session = await connector.connect({ host: "127.0.0.1", port: Number(port), user: "root" });
  try {
    const common = { session, store, image: image as ImageName, root, clock };
    if (work === "capture") {
      const result = await captureImage({
        ...common,
        onProgress: ({ phase }) => {
          if (phase === "commit") {
            tree ??= mark();
          }
        },
      });
      sent = result.sentFiles;
    } else {
      const result = await updateNode({ ...common, options: { noBootloader: true } });
      sent = result.plan.actions.length;
    }
  } finally {
    await session.close();
  }
  const all = mark();
  const peak = Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? 0) / 1024;
  return { tree: tree ?? all, all, peak, sent };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as ProductWork))}\n`);
}
