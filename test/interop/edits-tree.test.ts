import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { seeded } from "./random.ts";
import { editTree, makeRandomTree } from "./random-tree.ts";
import { copyTree, rsyncFinds } from "./tree-copy.ts";

const runs = Number(process.env.INGOT_RUNS ?? 40);

describe("a copy after random edits", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-edits-"));
  const source = path.join(folder, "source");
  const target = path.join(folder, "target");

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(`leaves rsync nothing to do, ${runs} times, whichever side was edited`, async () => {
    const random = seeded("random edits");
    makeRandomTree(source, random, 40);
    await copyTree(source, target);

    for (let run = 0; run < runs; run++) {
      editTree(random.below(4) === 0 ? target : source, random, 1 + random.below(12));
      // No listing shows attributes: a capture tells by ctime which entries to read again, which here are all.
      await copyTree(source, target, { suspect: () => true });

      expect(rsyncFinds(source, target), `after run ${run}`).toBe("");
      expect(existsSync(path.join(target, ".ingot-staging"))).toBe(false);
    }
  });

  test("finds every edit but those of attributes by itself, and does nothing the second time", async () => {
    const random = seeded("random edits without suspicion");
    rmSync(folder, { recursive: true, force: true });
    makeRandomTree(source, random, 60);
    await copyTree(source, target);

    for (let run = 0; run < runs / 4; run++) {
      editTree(source, random, 8);
      await copyTree(source, target);

      const left = rsyncFinds(source, target)
        .split("\n")
        .filter((line) => line !== "");
      expect(left.filter((line) => !/^[.h][fdLDS][.]{7}[.a][x.] /.test(line))).toEqual([]);
      expect((await copyTree(source, target)).actions).toEqual([]);
    }
  });
});
