import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { matchGlob, type Token } from "../../../images/sync/glob.ts";
import { compilePattern } from "../../../images/sync/pattern.ts";

describe("compilePattern()", () => {
  const cases: readonly (readonly [pattern: string, path: string, directory: boolean, matches: boolean])[] = [
    ["*.o", "a/b.o", false, true],
    ["*.o", "a.o/b", false, false],
    ["/*.o", "a/b.o", false, false],
    ["/a/**", "a/b/c", false, true],
    ["/a/*", "a/b/c", false, false],
    ["a**c", "x/a/b/c", false, true],
    ["/dir/***", "dir", true, true],
    ["/dir/***", "dir", false, false],
    ["**/x", "x", false, true],
    ["[a-c]?", "b1", false, true],
    ["[!a-c]", "b", false, false],
    ["[[:digit:]]", "7", false, true],
    ["a[b", "a[b", false, false],
    ["\\*x", "*x", false, true],
    ["\\*x", "ax", false, false],
    ["\\*?", "*x", false, true],
    ["x*/", "xy", false, false],
    ["x*/", "xy", true, true],
    ["*\\", "a\\", false, false],
  ];
  it.each(cases)("%s on %s (directory: %s) is %s", (pattern, path, directory, matches) => {
    expect(compilePattern(pattern).matches(path as RelPath, directory)).toBe(matches);
  });

  it("answers at once where a regular expression would try every way", () => {
    const hostile = `/${"*a".repeat(1500)}*b`;
    const path = "a".repeat(4000) as RelPath;

    expect(compilePattern(hostile).matches(path, false)).toBe(false);
    expect(compilePattern(hostile.replaceAll("*", "**")).matches(path, false)).toBe(false);
    expect(compilePattern(`**${"[a-z]*".repeat(600)}!`).matches(path, false)).toBe(false);
  });
});

describe("matchGlob()", () => {
  const expressions = new Map([
    ["?", "[^/]"],
    ["*", "[^/]*"],
    ["**", ".*"],
  ]);
  it("says what a regular expression says", () => {
    const part = fc.constantFrom("a", "b", "/", "?", "*", "**");
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 9 }),
        fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 12 }),
        (parts, letters) => {
          const expression = parts.map((one) => expressions.get(one) ?? one).join("");
          const tokens = parts.map((one): Token => {
            if (one === "*" || one === "**") {
              return { kind: one === "*" ? "any-name" : "any-text" };
            }
            return { kind: "one", admits: (letter) => (one === "?" ? letter !== "/" : letter === one) };
          });
          const text = letters.join("");

          expect(matchGlob(tokens, text)).toBe(new RegExp(`^${expression}$`, "s").test(text));
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
