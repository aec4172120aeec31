import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import { capturePrune, makeSelection, parseFilterRule, parseRuleFile } from "../../images/sync/exclude.ts";

// rsync itself is the judge: what `rsync -n` would transfer is what the selection must leave in.
let root: string;
const entries: { path: RelPath; directory: boolean }[] = [];
const names = ["a", "b", "ab", "a.b", "c-d", "x", "[q]", "a\\b", "ba"];

beforeAll(() => {
  root = mkdtempSync("/tmp/ingot-filter-");
  let seed = 7;
  const random = (limit: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * limit);
  };
  function fill(directory: string, depth: number): void {
    for (const name of names) {
      if (random(10) < 5) {
        continue;
      }
      const path = directory === "" ? name : `${directory}/${name}`;
      const isDirectory = depth < 4 && random(10) < 6;
      if (isDirectory) {
        mkdirSync(join(root, "tree", path), { recursive: true });
        fill(path, depth + 1);
      } else {
        writeFileSync(join(root, "tree", path), "");
      }
      entries.push({ path: path as RelPath, directory: isDirectory });
    }
  }
  mkdirSync(join(root, "tree"));
  fill("", 0);
  mkdirSync(join(root, "empty"));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rsyncKeeps(args: readonly string[]): string[] {
  const output = execFileSync(
    "rsync",
    ["-n", "-r", "-8", "--out-format=%n", ...args, `${root}/tree/`, `${root}/empty/`],
    { encoding: "latin1", stdio: ["ignore", "pipe", "inherit"] },
  );
  return output
    .split("\n")
    .map((line) => line.replace(/\/$/, ""))
    .filter((line) => line !== "" && line !== ".")
    .sort(byteOrder);
}

function selectionKeeps(text: string): string[] {
  const rules = parseRuleFile(text, "list");
  if (!rules.ok) {
    throw new Error(rules.error.message);
  }
  const selection = makeSelection(rules.value);
  return entries
    .filter((entry) => !selection.excludes(entry.path, entry.directory))
    .map((entry) => entry.path as string)
    .sort(byteOrder);
}

const piece = fc.constantFrom(
  "a",
  "b",
  "x",
  "ab",
  "*",
  "?",
  "**",
  "***",
  "[ab]",
  "[!a]",
  "[^b]",
  "[a-c]",
  "[[:alpha:]]",
  "[",
  "]",
  "\\*",
  "\\[",
  "\\\\",
  ".",
  "-",
  "[]a]",
  "[q]",
  "[a\\]b]",
  "*a",
  "b*",
  "[[:nope:]]",
  "[b-a]",
  "[a-]",
  "c-d",
  "\\",
);
const component = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(""));
const pattern = fc
  .tuple(
    fc.constantFrom("", "/", "/"),
    fc.array(component, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("", "", "/", "/*", "/**", "/***"),
  )
  .map(([lead, components, tail]) => lead + components.join("/") + tail);
const line = fc
  .tuple(fc.constantFrom("- ", "- ", "+ ", ""), pattern)
  .map(([prefix, text]) => prefix + text)
  .filter((text) => !/^[;#!]/.test(text));

describe("filter rules against rsync", () => {
  it("selects what rsync selects, for random lists", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const text = `${lines.join("\n")}\n`;
        writeFileSync(join(root, "rules"), text);
        const ours = selectionKeeps(text);
        const theirs = rsyncKeeps([`--exclude-from=${root}/rules`]);
        expect([text, ours.find((path) => !theirs.includes(path))]).toEqual([text, undefined]);
        expect([text, theirs.find((path) => !ours.includes(path))]).toEqual([text, undefined]);
      }),
      { numRuns: Number(process.env.INGOT_RUNS ?? 150) },
    );
  });

  it("reads negated rules as rsync's --filter does", () => {
    for (const filter of ["-! a*", "exclude,! */", "+ a", "include ab", "- a/***", "-,! **"]) {
      const rule = parseFilterRule(filter, "test");
      if (!rule.ok) {
        throw new Error(rule.error.message);
      }
      const selection = makeSelection([rule.value]);
      const kept = entries
        .filter((entry) => !selection.excludes(entry.path, entry.directory))
        .map((entry) => entry.path as string);
      expect([filter, kept.sort(byteOrder)]).toEqual([filter, rsyncKeeps([`--filter=${filter}`])]);
    }
  });

  it("prunes nothing that a rule keeps", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const rules = parseRuleFile(lines.join("\n"), "list");
        if (!rules.ok) {
          throw new Error(rules.error.message);
        }
        const selection = makeSelection(rules.value);
        for (const prune of capturePrune(rules.value)) {
          for (const entry of entries) {
            if (entry.path.startsWith(`${prune.path}/`)) {
              expect([prune.path, entry.path, selection.excludes(entry.path, entry.directory)]).toEqual([
                prune.path,
                entry.path,
                true,
              ]);
            }
          }
        }
      }),
    );
  });
});
