import { describe, expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { askable, FlagsParser, flagsKey, flagsOf, withFlags } from "../../../images/sync/flags.ts";

function parse(text: string, asked: readonly string[], cut = 0) {
  const parser = new FlagsParser((path) => asked.includes(path));
  parser.write(text.slice(0, cut));
  parser.write(text.slice(cut));
  return [...parser.end()];
}

describe("flags", () => {
  it("are read from lsattr's lines, however they are cut", () => {
    const text =
      "--------------e------- ./plain\n----i---------e------- ./a b\n-----a--------e------- ./x/y\n----ia---------------m .\n";

    for (let cut = 0; cut < text.length; cut++) {
      expect(parse(text, ["plain", "a b", "x/y", ""], cut)).toEqual([
        ["a b", "i"],
        ["x/y", "a"],
        ["", "ai"],
      ]);
    }
  });

  it("are believed only of what was asked for, so that a name cannot speak for another file", () => {
    const evil = "x\n----i--- ./etc/passwd" as RelPath;

    expect(parse("----i--- ./etc/passwd\n----i--- ./../up\n----i--- /abs\n", ["x"])).toEqual([]);
    expect([...askable([evil, "y" as RelPath])]).toEqual(["y"]);
  });

  it("are an attribute among others, and no other words reach a shell", () => {
    const other = ["SCHILY.xattr.user.x", "1"] as const;

    expect(withFlags([other], "i")).toEqual([[flagsKey, "i"], other]);
    expect(withFlags(withFlags([other], "i"), "")).toEqual([other]);
    expect(flagsOf(withFlags([other], "ai"))).toBe("ai");
    expect(flagsOf([[flagsKey, "i; reboot"]])).toBe("");
    expect(flagsOf(undefined)).toBe("");
  });
});
