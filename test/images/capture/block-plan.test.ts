import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { blockRuns, blockSize, parseAnswers, runLength } from "../../../images/capture/block-plan.ts";

const digest = (letter: string) => letter.repeat(64);
const file = {
  entry: {
    kind: "file",
    path: "big" as RelPath,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    size: 600_000,
  },
  block: 262_144,
  ctime: "1.0000000000",
} as const;

describe("blockSize()", () => {
  test.each([
    [300_000, 262_144],
    [32 * 1024 ** 2, 262_144],
    [64 * 1024 ** 2, 262_144],
    [400_000_000, 8 * 1024 ** 2],
    [2 * 1024 ** 3, 16 * 1024 ** 2],
    [1024 ** 4, 16 * 1024 ** 2],
  ])("of %d bytes is %d", (size, block) => {
    expect(blockSize(size)).toBe(block);
  });
});

describe("blockRuns()", () => {
  test("joins neighbours, and takes what the tree does not have from the client", () => {
    const runs = blockRuns(["a", "x", "y", "d", "e"], ["a", "b", "c", "d"]);

    expect(runs).toEqual([
      { from: "tree", first: 0, count: 1 },
      { from: "client", first: 1, count: 2 },
      { from: "tree", first: 3, count: 1 },
      { from: "client", first: 4, count: 1 },
    ]);
    expect(runLength({ from: "client", first: 1, count: 2 }, file)).toBe(600_000 - 262_144);
  });
});

describe("parseAnswers()", () => {
  const lines = ["c", "a", "b"].map((each) => `${"abc".indexOf(each)} ${digest(each)}\n`).join("");

  test("reads head and digests of each file", () => {
    expect(parseAnswers(`file 00ff\n${lines}`, [file], "sha256sum")).toEqual([
      { head: "00ff", digests: [digest("a"), digest("b"), digest("c")] },
    ]);
  });

  test.each([
    ["no answer", ""],
    ["no head", `file \n${lines}`],
    ["too few blocks", `file 00\n0 ${digest("a")}\n`],
    ["a block twice", `file 00\n${lines.replace("2 ", "0 ")}`],
    ["a block that it does not have", `file 00\n${lines.replace("2 ", "3 ")}`],
    ["a digest that is none", `file 00\n${lines.replace("bb", "b!")}`],
  ])("has nothing for a file with %s", (_what, text) => {
    expect(parseAnswers(text, [file], "sha256sum")).toEqual([undefined]);
  });
});
