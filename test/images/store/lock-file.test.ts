import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { workName } from "../../../images/store/durable-file.ts";
import { removeDeadLocks, takeLock } from "../../../images/store/lock-file.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-locks-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A work name of a process that has ended. */
async function deadName(): Promise<string> {
  const { pid } = spawnSync("true");
  return (await workName()).replace(/^\d+/, String(pid));
}

test("what a process left that died before it wrote its lock goes at once; what is being made stays", async () => {
  const dead = [`.web.${await deadName()}`, `..store.${await deadName()}`];
  const alive = `..store.${await workName()}`;
  for (const name of [...dead, alive]) {
    writeFileSync(join(folder, name), "");
  }

  await removeDeadLocks(folder, { except: ".store", now: Date.now() });

  expect(readdirSync(folder)).toEqual([alive]);
});

test("a lock that is held stays, and nothing lies beside it", async () => {
  const held = await takeLock(folder, { name: "web.app", holder: "a test" });

  await removeDeadLocks(folder, { except: ".store", now: Date.now() });

  expect(readdirSync(folder)).toEqual(["web.app.lock"]);
  expect(await takeLock(folder, { name: "web.app", holder: "another" })).toEqual({ heldBy: "a test" });
  await (held as { release(): Promise<void> }).release();
  expect(readdirSync(folder)).toEqual([]);
});
