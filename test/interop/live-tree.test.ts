import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileTo } from "../bench/compile.ts";
import { copyTree, rsyncFinds } from "./tree-copy.ts";

const folder = mkdtempSync(path.join(tmpdir(), "ingot-live-"));
const source = path.join(folder, "source");
const target = path.join(folder, "target");
let writer = "";

beforeAll(() => {
  writer = compileTo(path.join(folder, "built"), "test/interop/live-writer.ts");
  mkdirSync(source);
  for (let i = 0; i < 300; i++) {
    writeFileSync(path.join(source, `still-${i}`), `still ${i}`);
  }
});

let running: ChildProcess | undefined;

afterAll(() => {
  running?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test("a tree that is written to is copied without torn files; what moved is named, and comes when it holds still", async () => {
  const live = spawn(process.execPath, [writer, source], { stdio: ["ignore", "pipe", "inherit"] });
  running = live;
  await once(live.stdout, "data");
  let missed = 0;
  let stored = 0;

  for (let pass = 0; pass < 25; pass++) {
    const { result, entries, actions } = await copyTree(source, target, { live: true });
    const named = new Set([...result.torn, ...result.vanished]);
    missed += named.size;
    const written = new Set(entries.filter(({ kind }) => kind === "file").map(({ path }) => path));
    for (const action of actions) {
      if (action.kind === "write" && action.entry.kind === "file") {
        // Every planned file is stored or named; nothing is lost without a word.
        expect(written.has(action.entry.path) !== named.has(action.entry.path)).toBe(true);
      }
    }
    for (const entry of entries) {
      if (entry.kind === "file" && entry.path.startsWith("live-")) {
        const content = readFileSync(path.join(target, entry.path), "latin1");
        stored += 1;
        expect(content.length).toBe(entry.size);
        expect(content, `${entry.path} in pass ${pass}`).toMatch(/^(?:a*|b*|c*|d*)\+*$/);
      }
    }
  }
  live.kill("SIGKILL");
  await once(live, "exit");
  await copyTree(source, target);

  console.info(`${stored} files stored whole while they were written to, ${missed} named`);
  expect(rsyncFinds(source, target)).toBe("");
  expect(missed).toBeGreaterThan(0);
  expect(stored).toBeGreaterThan(0);
});
