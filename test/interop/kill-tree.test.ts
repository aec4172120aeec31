import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileTo } from "../bench/compile.ts";
import { seeded } from "./random.ts";
import { digestsOf, editTree, makeRandomTree } from "./random-tree.ts";
import { copyTree, rsyncFinds } from "./tree-copy.ts";

const runs = Number(process.env.INGOT_RUNS ?? 150);

describe("an apply that is killed", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-kill-"));
  let worker = "";
  const at = (name: string) => path.join(folder, name);

  /** Compiled once: a process that loads TypeScript takes longer to start than the apply takes. */
  beforeAll(() => {
    worker = compileTo(at("built"), "test/interop/kill-worker.ts");
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the worker in a process group of its own and kills that after `delay` ms from when it begins to apply. */
  async function applyAndKill(delay: number): Promise<{ readonly killed: boolean; readonly lasted: number }> {
    const running = spawn(process.execPath, [worker, at("new"), at("target")], {
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(running, "exit");
    await once(running.stdout, "data");
    const begun = performance.now();
    const timer = setTimeout(() => process.kill(-running.pid!, "SIGKILL"), delay);
    const [, signal] = (await exited) as [number | null, string | null];
    clearTimeout(timer);
    return { killed: signal === "SIGKILL", lasted: performance.now() - begun };
  }

  function reset(): void {
    rmSync(at("target"), { recursive: true, force: true });
    execFileSync("cp", ["-a", at("old"), at("target")]);
  }

  test(`leaves every file whole, old or new, and the rest to a rerun, ${runs} times`, async () => {
    const random = seeded("killed applies");
    makeRandomTree(at("old"), random, 60);
    execFileSync("cp", ["-a", at("old"), at("new")]);
    editTree(at("new"), random, 60);
    makeRandomTree(at("new"), random, 10);
    const before = digestsOf(at("old"));
    const after = digestsOf(at("new"));
    const points = new Map<string, number>();
    const count = (point: string) => points.set(point, (points.get(point) ?? 0) + 1);
    reset();
    let whole = (await applyAndKill(60_000)).lasted;

    for (let run = 0; run < runs; run++) {
      reset();
      // Every other time towards the end, where the renames are.
      const from = run % 2 === 0 ? 0 : whole * 0.7;
      const { killed, lasted } = await applyAndKill(from + random.below(Math.ceil(whole * 1.05 - from)));
      if (!killed) {
        whole = (whole + lasted) / 2;
      }
      count(
        !killed ? "ended before" : existsSync(at("target/.ingot-staging")) ? "while staged" : "at the end",
      );
      const found = digestsOf(at("target"));
      for (const [name, digest] of found) {
        expect([before.get(name), after.get(name)], `${name} in run ${run}`).toContain(digest);
      }
      for (const name of before.keys()) {
        expect(after.has(name) && !found.has(name), `${name} is absent in run ${run}`).toBe(false);
      }
      const mixed = [...found].some(([name, digest]) => before.get(name) !== digest);
      const left = rsyncFinds(at("new"), at("target"), ["--exclude=/.ingot-staging"]);
      count(left === "" ? "nothing left" : mixed ? "some renamed" : "none renamed");

      await copyTree(at("new"), at("target"), { suspect: () => true });

      expect(rsyncFinds(at("new"), at("target")), `after run ${run}`).toBe("");
      expect(existsSync(at("target/.ingot-staging"))).toBe(false);
    }

    console.info(`an apply takes ${Math.round(whole)} ms; killed`, Object.fromEntries(points));
    expect(runs - (points.get("ended before") ?? 0)).toBeGreaterThan(runs / 2);
    expect(points.get("some renamed") ?? 0).toBeGreaterThan(0);
  });
});
