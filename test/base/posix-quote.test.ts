import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoteArgv, quoteWord, sh, trustedShell } from "../../base/posix-quote.ts";

/** Reads one quoted word back by the POSIX rules for single quotes and backslash (XCU 2.2). */
function unquote(text: string): string {
  return text.replace(
    /'([^']*)'|\\(.)/gs,
    (_, quoted: string | undefined, escaped: string) => quoted ?? escaped,
  );
}

describe("quoteWord()", () => {
  it.each([
    ["plain-1.2/x", "plain-1.2/x"],
    ["", "''"],
    ["a b", "'a b'"],
    ["$(reboot)", "'$(reboot)'"],
    ["it's", "'it'\\''s'"],
    ["-rf", "-rf"],
  ])("quotes %j as %s", (given, expected) => {
    expect(quoteWord(given)).toBe(expected);
  });

  it("keeps every byte but NUL", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (word) => {
        fc.pre(!word.includes("\0"));
        return unquote(quoteWord(word)) === word;
      }),
    );
  });

  it("refuses NUL", () => {
    expect(() => quoteWord("a\0b")).toThrow(TypeError);
  });
});

describe("sh``", () => {
  it("quotes values and keeps marked shell text", () => {
    const tail = trustedShell("| sort -z");

    expect(sh`find ${"/a b"} -maxdepth ${2} ${{ raw: tail }}`).toBe("find '/a b' -maxdepth 2 | sort -z");
    expect(quoteArgv(["ls", "-l", "x y"])).toBe("ls -l 'x y'");
  });
});
