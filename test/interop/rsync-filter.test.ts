import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../../images/entry.ts";
import { withDirectoryRules } from "../../images/sync/dir-merge.ts";
import { capturePrune, makeSelection } from "../../images/sync/exclude.ts";
import { parseFilterRule, parseRuleFile } from "../../images/sync/filter-rules.ts";
import { planSync } from "../../images/sync/plan.ts";

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

const sided = fc
  .tuple(
    fc.constantFrom(
      "-",
      "+",
      "P",
      "R",
      "H",
      "S",
      "-s",
      "-r",
      "+s",
      "+r",
      "-p",
      "P,p",
      "-!",
      "H!",
      "protect",
      "hide,p",
    ),
    pattern,
  )
  .map(([kind, text]) => `${kind} ${text}`);

/** A target that has some of the source's names and others, and directories that the source does not have. */
function writeTarget(): void {
  const target = join(root, "target");
  mkdirSync(target);
  for (const [index, entry] of entries.slice(0, 200).entries()) {
    const place = index % 3 === 0 && entry.directory ? entry.path : `x${index % 7}/${entry.path}`;
    if (!existsSync(join(target, place))) {
      mkdirSync(join(target, place), { recursive: true });
    }
    for (const name of index % 2 === 0 ? ["ab", "z"] : []) {
      if (
        !existsSync(join(target, place, name)) &&
        !entries.some(({ path }) => path === `${place}/${name}`)
      ) {
        writeFileSync(join(target, place, name), "");
      }
    }
  }
}

function entriesOf(directory: string): readonly FileEntry[] {
  const found: FileEntry[] = [];
  const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 } };
  function walk(below: string): void {
    for (const each of readdirSync(join(directory, below), { withFileTypes: true })) {
      const path = (below === "" ? each.name : `${below}/${each.name}`) as RelPath;
      if (each.isDirectory()) {
        found.push({ kind: "directory", path, ...metadata });
        walk(path);
      } else {
        found.push({ kind: "file", path, ...metadata, size: 0 });
      }
    }
  }
  walk("");
  return found.sort((a, b) => byteOrder(a.path, b.path));
}

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
      const selection = makeSelection(rule.value);
      const kept = entries
        .filter((entry) => !selection.excludes(entry.path, entry.directory))
        .map((entry) => entry.path as string);
      expect([filter, kept.sort(byteOrder)]).toEqual([filter, rsyncKeeps([`--filter=${filter}`])]);
    }
  });

  it("deletes on a target what rsync deletes, for random rules of either side", () => {
    writeTarget();
    const [source, target] = [entriesOf(join(root, "tree")), entriesOf(join(root, "target"))];
    fc.assert(
      fc.property(fc.array(sided, { minLength: 1, maxLength: 5 }), (rules) => {
        const parsed = rules.flatMap((rule) => {
          const result = parseFilterRule(rule, "test");
          return result.ok ? result.value : [];
        });
        expect(parsed.length).toBe(rules.length);
        const selection = makeSelection(parsed);
        const ours = [
          ...planSync({
            source,
            target,
            selection,
            options: { deleteExtraneous: true },
          }),
        ].flatMap((action) => (action.kind === "delete" && !action.directory ? [action.path as string] : []));
        const said = execFileSync(
          "rsync",
          [
            ...["-n", "-r", "-8", "--delete", "--out-format=%o %n"],
            ...rules.map((rule) => `--filter=${rule}`),
            ...[`${root}/tree/`, `${root}/target/`],
          ],
          { encoding: "latin1", stdio: ["ignore", "pipe", "ignore"] },
        );
        // A dry run shows directories as deleted that a real one finds not empty: files alone tell.
        const theirs = said
          .split("\n")
          .flatMap((line) => (/^del\. .*[^/]$/.test(line) ? [line.slice(5)] : []));
        expect([rules, ours.find((path) => !theirs.includes(path))]).toEqual([rules, undefined]);
        expect([rules, theirs.find((path) => !ours.includes(path))]).toEqual([rules, undefined]);
      }),
      { numRuns: Number(process.env.INGOT_RUNS ?? 150) },
    );
  });

  it("reads files of rules in directories as rsync does, for random files", () => {
    const plain = entries
      .filter(({ path, directory }) => directory && !/[[\\]/.test(path))
      .map(({ path }) => path);
    const places = ["" as RelPath, ...plain].slice(0, 12);
    const inFile = fc.oneof(
      line.filter((text) => /^[-+] /.test(text)),
      sided,
      fc.constantFrom("!", "# no rule", "", ": .g", ": .g", ":e .g", ":n .g", ": .f"),
    );
    const merges = fc.constantFrom(
      ...[": .f", "dir-merge .f", ":n .f", ":e .f", ":- .f", ":+ .f", ":w- .f", ":s .f", ":en /.f", ":p .f"],
    );
    const files = fc.array(
      fc.tuple(
        fc.nat(places.length - 1),
        fc.array(inFile, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(".f", ".f", ".g"),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(merges, files, fc.array(sided, { maxLength: 2 }), (merge, written, around) => {
        const texts = new Map<RelPath, string>();
        for (const [at, lines, name] of written) {
          const directory = places[at] as RelPath;
          // rsync takes no rule of a side of its own where the file has one.
          const fitting = merge.startsWith(":s")
            ? lines.filter((each) => /^[-+][!p]? |^#|^$/.test(each))
            : lines;
          // What is no rule for a list of plain patterns is one there, and the other way round.
          const text = `${fitting.map((each) => (/^:e?n?w?[-+]/.test(merge) ? each.replaceAll(/^[^ ]* |\s/g, "") : each)).join("\n")}\n`;
          texts.set((directory === "" ? name : `${directory}/${name}`) as RelPath, text);
        }
        for (const [path, text] of texts) {
          writeFileSync(join(root, "tree", path), text);
        }
        try {
          const filters = [...around.slice(0, 1), merge, ...around.slice(1)];
          const rules = filters.flatMap((filter) => {
            const parsed = parseFilterRule(filter, "test");
            return parsed.ok ? parsed.value : [];
          });
          const resolved = withDirectoryRules(rules, { source: texts });
          if (!resolved.ok) {
            throw new Error(resolved.error.message);
          }
          const selection = makeSelection(resolved.value);
          const there = [...entries, ...[...texts.keys()].map((path) => ({ path, directory: false }))];
          const ours = there
            .filter((entry) => !selection.excludes(entry.path, entry.directory))
            .map((entry) => entry.path as string);
          const theirs = rsyncKeeps(filters.map((filter) => `--filter=${filter}`));
          const asked = JSON.stringify([filters, [...texts]]);
          expect([asked, ours.find((path) => !theirs.includes(path))]).toEqual([asked, undefined]);
          expect([asked, theirs.find((path) => !ours.includes(path))]).toEqual([asked, undefined]);
        } finally {
          for (const path of texts.keys()) {
            rmSync(join(root, "tree", path));
          }
        }
      }),
      { numRuns: Number(process.env.INGOT_RUNS ?? 150) },
    );
  });

  it("deletes what rsync deletes where both sides have files of rules", () => {
    const [source, target] = [entriesOf(join(root, "tree")), entriesOf(join(root, "target"))];
    const places = (side: readonly FileEntry[]) =>
      [
        "",
        ...side.flatMap(({ kind, path }) => (kind === "directory" && !/[[\\]/.test(path) ? [path] : [])),
      ].slice(0, 25);
    const texts = (side: readonly string[]) =>
      fc.dictionary(
        fc.constantFrom(...side.map((each) => (each === "" ? ".f" : `${each}/.f`))),
        fc.array(sided, { minLength: 1, maxLength: 3 }).map((lines) => lines.join("\n")),
        { maxKeys: 3 },
      );
    fc.assert(
      fc.property(
        fc.constantFrom(": .f", ":n .f", ":e .f"),
        texts(places(source)),
        texts(places(target)),
        (merge, ours, theirs) => {
          const sides = [
            ["tree", ours],
            ["target", theirs],
          ] as const;
          for (const [side, files] of sides) {
            for (const [path, text] of Object.entries(files)) {
              writeFileSync(join(root, side, path), text);
            }
          }
          try {
            const rules = parseFilterRule(merge, "test");
            const as = (files: Record<string, string>) =>
              new Map(Object.entries(files)) as Map<RelPath, string>;
            const resolved = withDirectoryRules(rules.ok ? rules.value : [], {
              source: as(ours),
              target: as(theirs),
            });
            if (!resolved.ok) {
              throw new Error(resolved.error.message);
            }
            const planned = planSync({
              source: entriesOf(join(root, "tree")),
              target: entriesOf(join(root, "target")),
              selection: makeSelection(resolved.value),
              options: { deleteExtraneous: true },
            });
            const gone = [...planned].flatMap((action) =>
              action.kind === "delete" && !action.directory ? [action.path as string] : [],
            );
            const said = execFileSync(
              "rsync",
              [
                "-n",
                "-r",
                "-8",
                "--delete",
                "--out-format=%o %n",
                `--filter=${merge}`,
                `${root}/tree/`,
                `${root}/target/`,
              ],
              { encoding: "latin1", stdio: ["ignore", "pipe", "ignore"] },
            );
            const told = said
              .split("\n")
              .flatMap((each) => (/^del\. .*[^/]$/.test(each) ? [each.slice(5)] : []));
            const asked = JSON.stringify([merge, ours, theirs]);
            expect([asked, gone.find((path) => !told.includes(path))]).toEqual([asked, undefined]);
            expect([asked, told.find((path) => !gone.includes(path))]).toEqual([asked, undefined]);
          } finally {
            for (const [side, files] of sides) {
              for (const path of Object.keys(files)) {
                rmSync(join(root, side, path), { force: true });
              }
            }
          }
        },
      ),
      { numRuns: Number(process.env.INGOT_RUNS ?? 150) },
    );
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
