import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { compileTo } from "../bench/compile.ts";
import { rsyncDifferences } from "./client-tree.ts";
import { seeded } from "./random.ts";
import { editTree, makeRandomTree } from "./random-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const image = imageName("killed");
const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const runs = Number(process.env["INGOT_RUNS"] ?? 150) < 100 ? 4 : 150;

describe.skipIf(!hasSshd)("a capture that is killed", { timeout: 3_600_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-kill-capture-"));
  const at = (name: string) => path.join(folder, name);
  const store = new DirectoryStore({ state: at("state"), clock });
  const random = seeded("killed captures");
  let worker = "";

  beforeAll(() => {
    worker = compileTo(at("built"), "test/interop/kill-capture-worker.ts");
    makeRandomTree(at("golden"), random, 80);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The daemon and what it runs end at once; undefined lets it come to its end. */
  async function capture(killAfter?: number): Promise<{ readonly done: boolean; readonly lasted: number }> {
    const running = spawn(process.execPath, [worker, at("state"), at("golden"), image], {
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    running.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    const exited = once(running, "exit");
    await once(running.stdout, "data");
    const begun = performance.now();
    const timer =
      killAfter === undefined
        ? undefined
        : setTimeout(() => process.kill(-(running.pid as number), "SIGKILL"), killAfter);
    await exited;
    clearTimeout(timer);
    return { done: said.includes("done"), lasted: performance.now() - begun };
  }

  const numbers = async () => (await store.history(image)).map(({ number }) => number);

  test(`leaves every version whole, and a rerun makes the next, ${runs} times`, async () => {
    const whole = (await capture()).lasted;
    const points = new Map<string, number>();

    for (let run = 0; run < runs; run++) {
      editTree(at("golden"), random, 30);
      makeRandomTree(at("golden"), random, 10);
      const before = await numbers();

      const { done } = await capture(random.below(Math.ceil(whole * 1.1)));

      const after = await numbers();
      const point = done
        ? "ended before"
        : after.length > before.length
          ? "after the version was made"
          : "no version";
      points.set(point, (points.get(point) ?? 0) + 1);
      expect(after.slice(0, before.length), `run ${run} (${point})`).toEqual(before);
      expect((await store.verify({ image })).damage, `run ${run} (${point})`).toEqual([]);
      expect((await capture()).done, `run ${run} (${point})`).toBe(true);
      expect(rsyncDifferences(at("golden"), store.treePath(image)), `after run ${run} (${point})`).toEqual(
        [],
      );
      expect((await store.verify({ image })).damage, `after run ${run}`).toEqual([]);
      await store.prune(image, { keep: 2, inUse: () => undefined });
    }

    console.info(`a capture takes ${Math.round(whole)} ms; killed`, Object.fromEntries(points));
    expect(runs - (points.get("ended before") ?? 0)).toBeGreaterThan(0);
  });
});
