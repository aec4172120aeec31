import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import {
  baseName,
  comparePaths,
  escapePath,
  isWithin,
  joinPath,
  parentPath,
  parseRelPath,
  pathToBytes,
  unescapePath,
} from "../../base/path-bytes.ts";

const path = (text: string) => {
  const parsed = parseRelPath(text);
  if (!parsed.ok) {
    throw new Error(parsed.error);
  }
  return parsed.value;
};

describe("parseRelPath()", () => {
  it.each([
    ["./etc/passwd", "etc/passwd"],
    ["etc//passwd/", "etc/passwd"],
    [".", ""],
    ["a/./b", "a/b"],
    ["...", "..."],
    [" ", " "],
    ["f\xff\xfeo", "f\xff\xfeo"],
    ["new\nline", "new\nline"],
  ])("reads %j as %j", (given, expected) => {
    expect(parseRelPath(given)).toEqual({ ok: true, value: expected });
  });

  it.each([["/etc"], [".."], ["a/../b"], ["a/.."], ["a\0b"]])("refuses %j", (given) => {
    expect(parseRelPath(given).ok).toBe(false);
  });
});

describe("escapePath()", () => {
  it.each([
    ["etc/passwd", "etc/passwd"],
    ["na\xc3\xafve", "naïve"],
    ["na\xefve", "na\\xefve"],
    ["a\nb", "a\\x0ab"],
    ["a\\x0ab", "a\\x5cx0ab"],
    ["\xe2\x80\xae", "\\xe2\\x80\\xae"], // right-to-left override: would disguise a name on a terminal
  ])("writes %j as %s", (given, expected) => {
    expect(escapePath(given)).toBe(expected);
  });

  it("is reversible for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const text = toLatin1(bytes);
        const back = unescapePath(escapePath(text));
        return back.ok && equalBytes(fromLatin1(back.value), bytes);
      }),
    );
  });
});

describe("paths", () => {
  it("know their parents and names", () => {
    expect(parentPath(path("a/b/c"))).toBe("a/b");
    expect(parentPath(path("a"))).toBe("");
    expect(baseName(path("a/b"))).toBe("b");
    expect(joinPath(path(""), "a")).toBe("a");
    expect(isWithin(path("a/b"), path("a"))).toBe(true);
    expect(isWithin(path("ab"), path("a"))).toBe(false);
    expect(comparePaths(path("a-b"), path("a/c"))).toBe(-1);
    expect(pathToBytes(path("\xff"))).toEqual(Uint8Array.of(0xff));
  });
});
