import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { compileTo } from "../bench/compile.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { seeded } from "./random.ts";
import { digestsOf, editTree, makeRandomTree } from "./random-tree.ts";
import { hasSshd, startSshd, type TestSshd } from "./ssh-server.ts";

const image = "web" as ImageName;
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const few = Number(process.env["INGOT_RUNS"] ?? 150) < 100;
const runs = few ? 3 : 240;

/** Passes bytes between a client and sshd until it is cut. */
async function cuttable(to: number): Promise<{ readonly port: number; cut(): void; close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      for (const socket of open) {
        socket.resetAndDestroy();
      }
    },
    close: () => server.close(),
  };
}

/** An apply whose server is gone may go on, and delete what has just been listed here. */
async function digestsNow(root: string): Promise<ReadonlyMap<string, string>> {
  for (let tries = 0; ; tries++) {
    try {
      return digestsOf(root);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT") || tries === 100) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

describe.skipIf(!hasSshd)("an update over SSH that is killed", { timeout: 3_600_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-kill-update-"));
  const at = (name: string) => path.join(folder, name);
  let sshd: TestSshd;
  let worker = "";
  let line: Awaited<ReturnType<typeof cuttable>>;

  beforeAll(async () => {
    sshd = await startSshd();
    line = await cuttable(sshd.port);
    worker = compileTo(at("built"), "test/interop/kill-update-worker.ts");
    const random = seeded("killed updates");
    makeRandomTree(at("old"), random, 60);
    execFileSync("cp", ["-a", at("old"), at("new")]);
    editTree(at("new"), random, 60);
    makeRandomTree(at("new"), random, 10);
    shell(`mkdir -p '${folder}/old/etc/systemimager' '${folder}/new/etc/systemimager'; echo l >'${folder}/new/etc/systemimager/autoinstallscript.conf'
      for t in old new; do head -c 5000000 /dev/urandom >'${folder}'/$t/large; done`);
    const store = new DirectoryStore({ state: at("state"), clock });
    await captureImage({ session: localSession(), store, image, root: at("new"), clock });
  });

  afterAll(async () => {
    line.close();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What works in the node's tree. */
  function workers(): readonly number[] {
    return readdirSync("/proc").flatMap((name) => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`).startsWith(at("node"))
          ? [Number(name)]
          : [];
      } catch {
        // It has ended by itself.
        return [];
      }
    });
  }

  /** Everything that works there ends, as by a power cut. */
  function killNode(): void {
    for (const pid of workers()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }

  /** An apply whose server is gone goes on with what it has, and must not be looked at while it does. */
  async function untilQuiet(): Promise<void> {
    while (workers().length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function update(kill?: { readonly kind: number; readonly after: number }): Promise<{
    readonly said: string;
    readonly lasted: number;
  }> {
    const argv = [worker, String(line.port), sshd.key, at("state"), at("node"), image];
    const running = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    let begun = performance.now();
    running.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    const exited = once(running, "exit");
    await Promise.race([once(running.stdout, "data"), exited]);
    begun = performance.now();
    const timer = setTimeout(() => {
      if (kill?.kind === 0) {
        line.cut();
      } else if (kill?.kind === 1) {
        killNode();
      } else if (kill !== undefined) {
        running.kill("SIGKILL");
      }
    }, kill?.after ?? 0);
    await exited;
    clearTimeout(timer);
    return { said, lasted: performance.now() - begun };
  }

  test(`leaves every file whole, old or new, and the rest to a rerun, ${runs} times`, async () => {
    const random = seeded("points of killed updates");
    const before = digestsOf(at("old"));
    const after = digestsOf(at("new"));
    const own = ["/etc/systemimager/IMAGE_LAST_SYNCED_TO"];
    const points = new Map<string, number>();
    const reset = () => shell(`rm -rf '${folder}/node'; cp -a '${folder}/old' '${folder}/node'`);
    reset();
    const whole = (await update()).lasted;

    for (let run = 0; run < runs; run++) {
      reset();
      const kind = run % 3;
      const { said } = await update({ kind, after: random.below(Math.ceil(whole * (few ? 0.8 : 1.1))) });
      await untilQuiet();
      const name = `${["line cut", "node killed", "server killed"][kind]}, ${
        said.includes("done")
          ? "ended before"
          : existsSync(at("node/.ingot-staging"))
            ? "in the middle"
            : "no trace"
      }`;
      points.set(name, (points.get(name) ?? 0) + 1);
      const found = await digestsNow(at("node"));
      for (const [file, digest] of found) {
        if (file !== own[0]?.slice(1)) {
          expect([before.get(file), after.get(file)], `${file} in run ${run} (${name})`).toContain(digest);
        }
      }
      for (const file of before.keys()) {
        expect(after.has(file) && !found.has(file), `${file} is absent in run ${run} (${name})`).toBe(false);
      }

      // An apply whose server is gone may still go on; another one is refused meanwhile.
      let again = await update();
      for (let tries = 0; again.said.includes("another update is running") && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        again = await update();
      }

      expect(again.said, `run ${run} (${name})`).toContain("done");
      expect(rsyncDifferences(at("new"), at("node"), own), `after run ${run} (${name})`).toEqual([]);
      expect(existsSync(at("node/.ingot-staging"))).toBe(false);
    }

    console.info(`an update takes ${Math.round(whole)} ms;`, Object.fromEntries(points));
    if (few) {
      return;
    }
    const middle = [...points].filter(([name]) => name.includes("middle"));
    expect(middle.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(runs / 4);
  });
});
