/** Which words are filter rules, and what rules with modifiers, lists of CVS's and merge files select: rsync is the judge. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import type { ResolvedRule } from "../../images/sync/actions.ts";
import { withDirectoryRules } from "../../images/sync/dir-merge.ts";
import { makeSelection } from "../../images/sync/exclude.ts";
import { isClearRule, parseFilterRule } from "../../images/sync/filter-rules.ts";
import { mergedRules, mergeFileOf } from "../../images/sync/merge-file.ts";

const folder = mkdtempSync(path.join(tmpdir(), "ingot-syntax-"));
const entries = ["a/", "a/b/", "a/x", "a/b/y", "x", "y.o", "a/y.o", "core", "a b", "_x", "a/.f", "a/.g"];
const numRuns = Number(process.env["INGOT_RUNS"] ?? 150);

beforeAll(() => {
  for (const entry of entries) {
    const place = path.join(folder, "tree", entry);
    if (entry.endsWith("/")) {
      mkdirSync(place, { recursive: true });
    } else {
      writeFileSync(place, entry.endsWith("f") ? "- y\n+ *.o\n" : entry.endsWith("g") ? "- x\n" : "");
    }
  }
  mkdirSync(path.join(folder, "empty"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What rsync would transfer; undefined where it takes the words for no rules. */
function theirs(filters: readonly string[]): readonly string[] | undefined {
  const result = spawnSync(
    "rsync",
    ["-nr", "--out-format=%n", ...filters.map((each) => `--filter=${each}`), "tree/", "empty/"],
    { cwd: folder, encoding: "latin1", env: { ...process.env, HOME: "/nonexistent" } },
  );
  return result.status === 0
    ? result.stdout.split("\n").filter((line) => line !== "" && line !== "./")
    : undefined;
}

/** The rules of a list, its merge files read from `files`; undefined where one of them is none. */
function rulesOf(
  filters: readonly string[],
  files: ReadonlyMap<string, string>,
): readonly ResolvedRule[] | undefined {
  let rules: ResolvedRule[] = [];
  for (const filter of filters) {
    const merge = mergeFileOf(filter);
    const text = merge === undefined ? undefined : files.get(merge.file);
    const merged = merge === undefined || text === undefined ? undefined : mergedRules(text, merge);
    if (merge !== undefined && merged?.ok !== true) {
      return undefined;
    }
    for (const word of merged?.ok === true ? merged.value : [filter]) {
      const parsed = parseFilterRule(word, "test");
      if (isClearRule(word)) {
        rules = [];
      } else if (!parsed.ok) {
        return undefined;
      } else {
        rules.push(...parsed.value);
      }
    }
  }
  const texts = new Map([
    ["a/.f" as RelPath, "- y\n+ *.o\n"],
    ["a/.g" as RelPath, "- x\n"],
  ]);
  const resolved = withDirectoryRules(rules, { source: texts });
  return resolved.ok ? resolved.value : undefined;
}

function ours(
  filters: readonly string[],
  files: ReadonlyMap<string, string> = new Map(),
): readonly string[] | undefined {
  const rules = rulesOf(filters, files);
  if (rules === undefined) {
    return undefined;
  }
  const selection = makeSelection(rules);
  return entries.filter(
    (entry) => !selection.excludes(entry.replace(/\/$/, "") as RelPath, entry.endsWith("/")),
  );
}

const sorted = (list: readonly string[] | undefined) => list && [...list].sort((a, b) => (a < b ? -1 : 1));

const kind = fc.constantFrom(
  ...[
    "-",
    "+",
    "P",
    "R",
    "H",
    "S",
    "exclude",
    "include",
    "protect",
    "risk",
    "hide",
    "show",
    "!",
    "clear",
    "hidex",
    "Q",
    "-",
    "+",
  ],
);
const modifiers = fc
  .array(fc.constantFrom(..."!srpxCenw-+C".split("")), { maxLength: 2 })
  .map((letters) => letters.join(""));
const tail = fc.constantFrom(" x", " *.o", "_x", "", " ", "  x", " a/", " x/y", "\tx", " _x", " /a", " a b");
const word = fc.tuple(kind, fc.constantFrom("", ","), modifiers, tail).map((parts) => parts.join(""));
const good = fc.constantFrom(
  "- x",
  "+ a/",
  "-! */",
  "H *.o",
  "-C",
  "+C",
  "S core",
  "-s y",
  "-p core",
  "!",
  "-x x",
  "- a b",
  "+s x",
);
const merge = fc
  .tuple(
    fc.constantFrom(":", ":,", "dir-merge,"),
    modifiers,
    fc.constantFrom(" .f", "_.f", " /.f", " .g", ""),
  )
  .map((parts) => parts.join(""));

describe("the syntax of filter rules", () => {
  test("takes what rsync takes, refuses what it refuses, and selects the same", () => {
    fc.assert(
      fc.property(word, (text) => {
        expect([text, sorted(ours([text]))]).toEqual([text, sorted(theirs([text]))]);
      }),
      { numRuns },
    );
  });

  test("reads lists with clearing rules, CVS's patterns and files in directories as rsync does", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(good, merge), { minLength: 1, maxLength: 4 }), (filters) => {
        // rsync makes CVS's list once, with the modifiers of the rule that asks for it first.
        fc.pre(
          filters.filter((each) => /^[-+]C/.test(each)).length < 2 &&
            !filters.some((each) => /C.*[ _]/.test(each)),
        );
        expect([filters, sorted(ours(filters))]).toEqual([filters, sorted(theirs(filters))]);
      }),
      { numRuns },
    );
  });

  test("reads merge files with their modifiers as rsync does", () => {
    const line = fc.oneof(
      good,
      fc.constantFrom("# no rule", "", "x", "*.o", "P x", "exclude,s x", "-_x", "core y"),
    );
    const asked = fc
      .tuple(fc.constantFrom(".", ".,", "merge,"), modifiers, fc.constantFrom(" rules", "_rules"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        asked,
        fc.array(line, { maxLength: 4 }),
        fc.array(good, { maxLength: 1 }),
        (rule, lines, before) => {
          fc.pre([...lines, ...before].filter((each) => /^[-+]C/.test(each)).length < 2);
          // rsync 3.2.7 refuses there what its manual allows.
          fc.pre(!(/^[.a-z,]*[^ _]*C/.test(rule) && lines.includes("!")));
          const text = `${lines.join("\n")}\n`;
          writeFileSync(path.join(folder, "rules"), text);
          const filters = [...before, rule];
          expect([filters, lines, sorted(ours(filters, new Map([["rules", text]])))]).toEqual([
            filters,
            lines,
            sorted(theirs(filters)),
          ]);
        },
      ),
      { numRuns },
    );
  });
});
