import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { type RuleFiles, withDirectoryRules } from "../../../images/sync/dir-merge.ts";
import { makeSelection } from "../../../images/sync/exclude.ts";
import { parseFilterRule } from "../../../images/sync/filter-rules.ts";

const path = (text: string) => text as RelPath;

function filesOf(files: Readonly<Record<string, string>>): RuleFiles {
  return new Map(Object.entries(files).map(([at, text]) => [path(at), text]));
}

function resolve(
  merge: string,
  source: Readonly<Record<string, string>>,
  target: Readonly<Record<string, string>> = {},
) {
  const rules = parseFilterRule(merge, "--filter");
  return withDirectoryRules(rules.ok ? rules.value : [], {
    source: filesOf(source),
    target: filesOf(target),
  });
}

function selectionOf(...args: Parameters<typeof resolve>) {
  const rules = resolve(...args);
  if (!rules.ok) {
    throw new Error(rules.error.message);
  }
  return makeSelection(rules.value);
}

describe("withDirectoryRules()", () => {
  it("counts for what lies below, the nearest first, until one clears", () => {
    const selection = selectionOf(": .f", {
      ".f": "- x",
      "a/.f": "+ x",
      "a/b/.f": "!",
      "other/.g": "- *",
    });

    expect(
      ["x", "a/x", "a/b/x", "c/x", "other/y"].map((each) => selection.excludes(path(each), false)),
    ).toEqual([true, false, false, true, false]);
  });

  it("anchors at the directory, or at the tree's root where a slash is given", () => {
    const selection = selectionOf(": .f", { "a/.f": "- /x\n-/ /a/y\n-/ /z" });

    expect(["a/x", "a/b/x", "a/y", "a/z"].map((each) => selection.excludes(path(each), false))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it("refuses more rules than any list has use for, with the place", () => {
    const many = "-C\n".repeat(5000);

    expect(resolve(": .f", { "a/.f": many })).toMatchObject({
      ok: false,
      error: {
        message: expect.stringContaining("more than 100000 rules"),
        origin: expect.stringMatching(/^\/a\/\.f:\d+$/),
      },
    });
    const half = "-C\n".repeat(1500);
    expect(resolve(": .f", { "a/.f": half, "b/.f": half })).toMatchObject({
      ok: false,
      error: { origin: "--filter" },
    });
  });

  it("takes what is wild in a directory's name for what it is", () => {
    const selection = selectionOf(": .f", { "a*[b]\\/.f": "- /x\n- /y*" });

    expect(
      ["a*[b]\\/x", "a*[b]\\/yy", "aa[b]\\/x", "aab/yy"].map((each) => selection.excludes(path(each), false)),
    ).toEqual([true, true, false, false]);
  });

  it("decides what is sent by the source's files and what stays by the target's", () => {
    const selection = selectionOf(": .f", { "a/.f": "- x\nP z" }, { "a/.f": "- y\nH w" });

    expect([selection.excludes(path("a/x"), false), selection.protects(path("a/x"), false)]).toEqual([
      true,
      false,
    ]);
    expect([selection.excludes(path("a/y"), false), selection.protects(path("a/y"), false)]).toEqual([
      false,
      true,
    ]);
    expect([selection.excludes(path("a/w"), false), selection.protects(path("a/z"), false)]).toEqual([
      false,
      false,
    ]);
  });

  it("reads words and plain patterns where it is told so", () => {
    const cvs = selectionOf(":C", { "a/.cvsignore": "*.o  x\n+ y" });

    expect(["a/m.o", "a/x", "a/b/x", "a/y"].map((each) => cvs.excludes(path(each), false))).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it.each([
    ["no rule", ": .f", "x y"],
    ["a further file", ": .f", ". other"],
    ["a second side", ":s .f", "H x"],
  ])("names file and line of %s", (_what, merge, text) => {
    expect(resolve(merge, { "a/.f": `# first\n${text}` })).toMatchObject({
      ok: false,
      error: { origin: "/a/.f:2" },
    });
  });
});
