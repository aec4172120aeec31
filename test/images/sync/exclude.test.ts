import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { capturePrune, makeSelection } from "../../../images/sync/exclude.ts";
import { parseFilterRule, parseRule, parseRuleFile } from "../../../images/sync/filter-rules.ts";

function rules(text: string) {
  const parsed = parseRuleFile(text, "list");
  return parsed.ok ? parsed.value : [];
}

describe("parseRuleFile()", () => {
  it("knows comments, prefixes, empty lines and the line that clears, and says where each rule stands", () => {
    expect(rules("gone\n!\n# no\n; no\n\n/a\r\n+ b\n- c")).toEqual([
      { text: "- /a", origin: "list:6" },
      { text: "+ b", origin: "list:7" },
      { text: "- c", origin: "list:8" },
    ]);
  });

  it.each([
    ["a NUL", "a\0b"],
    ["nothing after the sign", "- "],
    ["a pattern longer than a path", "x".repeat(5000)],
  ])("refuses %s", (_what, text) => {
    expect(parseRule(text, "here")).toMatchObject({ ok: false, error: { origin: "here" } });
  });
});

describe("parseFilterRule()", () => {
  it.each([
    ["- a", "- a"],
    ["exclude a", "- a"],
    ["include_a", "+ a"],
    ["-! a", "-! a"],
    ["merge x", undefined],
    ["-p x", "-p x"],
    ["-/p x", "-p x"],
    ["protect /a b", "P /a b"],
    ["R,! x", "R! x"],
    ["hide,p_x", "Hp x"],
    ["-C", "-p RCS"],
    ["+Cs!x no pattern", "+s!p RCS"],
    ["PC", undefined],
    ["-CC", undefined],
    ["-x user.a", "-x user.a"],
    ["-x,! user.a", undefined],
    ["exclude,x! user.*", "-x! user.*"],
    ["Ps x", undefined],
    ["exclude! x", undefined],
    [": .rsync-filter", ": .rsync-filter"],
    ["dir-merge,n- /.rules", ":n- .rules"],
    [":e .rules", "- .rules"],
    [":se .rules", "- .rules"],
    [":C", ":Cnw- .cvsignore"],
    [":", undefined],
    [":x .rules", ": .rules"],
    [":-+ .rules", undefined],
    [":C- .rules", undefined],
    [": a/b", undefined],
    [": ..", undefined],
    ["", undefined],
  ])("reads '%s' as %s", (text, wanted) => {
    const rule = parseFilterRule(text, "test");

    expect(rule.ok ? rule.value[0]?.text : undefined).toBe(wanted);
  });
});

describe("makeSelection()", () => {
  it.each([
    ["the first rule that matches decides", "+ /a/b\n- /a/*", "a/b", false],
    ["a rule for directories leaves files alone", "b/", "a/b", false],
    ["an excluded parent excludes what is below", "/a", "a/b/c", true],
    ["a name matches anywhere", "c", "a/b/c", true],
    ["the root is never excluded", "*", "", false],
    ["no rule, no exclusion", "", "a", false],
  ])("%s", (_what, text, path, excluded) => {
    expect(makeSelection(rules(text)).excludes(path as RelPath, false)).toBe(excluded);
  });
});

describe("capturePrune()", () => {
  it.each([
    ["/proc/*", ["proc"]],
    ["/cache", ["cache"]],
    ["+ /proc/keep\n/proc/*", []],
    ["*.o", []],
    ["/a/../b", []],
  ])("of %s leaves out only what no verdict needs", (text, wanted) => {
    expect(capturePrune(rules(text)).map(({ path }) => path)).toEqual(wanted);
  });
});
