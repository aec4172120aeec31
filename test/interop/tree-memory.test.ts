import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planTables } from "../../images/sync/plan-tables.ts";
import { compileTo } from "../bench/compile.ts";
import { measurePeaks } from "../bench/memory.ts";
import { madeTable } from "./made-listing.ts";
import { hasSshd } from "./ssh-server.ts";

const entries = 1_000_000;
const bound = 300 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The quick run leaves out what takes a minute and more. */
const isQuick = Number(process.env["INGOT_RUNS"] ?? 150) < 100;

/** Bytes that are held after everything has been collected that can be. */
function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("a million entries on both sides, and a plan that writes all of them, are held in under 300 MB", () => {
  const before = held();

  const source = madeTable(entries, 0);
  const afterOne = held() - before;
  const target = madeTable(entries, 100);
  const actions = planTables({
    source: { table: source },
    target: { table: target },
    options: { deleteExtraneous: true },
  });
  const all = held() - before;

  console.info(
    `one listing ${Math.round(afterOne / 1e6)} MB, two and the plan of ${actions.length} actions ${Math.round(all / 1e6)} MB, resident ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
  );
  expect(source.length).toBeGreaterThan(entries);
  expect(actions.length).toBeGreaterThan(entries * 0.9);
  expect(all).toBeLessThan(bound);
  expect(actions.at(actions.length - 1).kind).toBe("write");
});

describe("the most that a process has resident while it lists and plans 200,000 entries, beside what it has for few", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-memory-"));
  let worker = "";

  beforeAll(() => {
    worker = compileTo(folder, "test/interop/plan-memory-worker.ts");
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** In a process of its own. */
  function measured(
    [kind, changed]: readonly [string, number],
    count: number,
  ): { readonly actions: number; readonly rss: number } {
    // What is held must fit; garbage is let lie as long as it does, and would hide what an entry costs.
    const argv = ["--max-old-space-size=64", worker, kind, String(count), String(changed)];
    return JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8" }));
  }

  const cases: readonly (readonly [string, number, number])[] = [
    ["capture", 100, 180_000],
    ["update", 1, 1000],
    ["update", 100, 180_000],
  ];

  test.each(isQuick ? cases.slice(0, 2) : cases)(
    "%s, of which %d in a hundred have another time",
    (kind, changed, actions) => {
      const few = measured([kind, changed], 2000);
      const many = measured([kind, changed], 200_000);
      const more = (many.rss - few.rss) / 1e6;

      console.info(
        `${kind}: ${Math.round(few.rss / 1e6)} MB for 2,000 entries, ${Math.round(more)} MB more for 200,000`,
      );
      expect(many.actions).toBeGreaterThan(actions);
      expect(more).toBeLessThan(150);
    },
  );
});

describe.skipIf(!hasSshd || isQuick)(
  "a process that captures and commits 50,000 files, and one that updates an empty node to them",
  () => {
    test("hold what they must in a heap of 48 MB, and 220 MB in all", async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "ingot-peaks-"));
      for await (const { work, peak, sent } of measurePeaks(50_000, { folder, only: ["full"], heap: 48 })) {
        console.info(`${work}: ${Math.round(peak)} MiB`);
        expect(sent).toBeGreaterThan(49_000);
        expect(peak).toBeLessThan(210);
      }
    });
  },
);
