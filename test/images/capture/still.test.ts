import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { isRecent, readGuards, stretchFrom } from "../../../images/capture/still.ts";
import { isSettled, unrest } from "../../../images/capture/unrest.ts";

const paths = (...names: string[]) => names as RelPath[];

describe("a guard around the reading of a file", () => {
  const still = (line: string) => readGuards(`\x1e${line}\n`).still;

  test("sees it hold still where ctime and inode are the same and old", () => {
    expect(still("1700000000.5000000000 12|1700000010.250000000|1700000000.5000000000 12")).toEqual([true]);
    // Busybox's stat.
    const words = "1700000000 2023-11-14 22:13:20.500000000 +0000 12";
    expect(still(`${words}|1700000010.%N|${words}`)).toEqual([true]);
  });

  test.each([
    ["ctime moved", "1700000000.5000000000 12|1700000010.25|1700000010.3000000000 12"],
    ["another file took its place", "1700000000.5000000000 12|1700000010.25|1700000000.5000000000 13"],
    ["it had gone", "|1700000010.25|"],
    [
      "it changed just before, so the next change may have the same time",
      "1700000010.2400000000 12|1700000010.25|1700000010.2400000000 12",
    ],
    [
      "it changed within the second on a filesystem of whole seconds",
      "1700000009.0000000000 12|1700000009.9|1700000009.0000000000 12",
    ],
    ["the clock was not told", "1700000000.5000000000 12||1700000000.5000000000 12"],
    ["the line is no guard's", "x"],
  ])("does not where %s", (_why, line) => {
    expect(still(line)).toEqual([false]);
  });

  test("leaves what tar said", () => {
    expect(readGuards("\x1e1.5 2|9.0|1.5 2\ntar: ./x: oh\n\x1e||\n")).toEqual({
      said: "tar: ./x: oh\n",
      still: [true, false],
    });
  });

  test("a change in the future is none of just now", () => {
    const stretch = stretchFrom(1000, { now: () => 5_000_000, sleep: () => Promise.resolve() })();

    expect(isRecent({ seconds: 3600, nanoseconds: 1 }, stretch)).toBe(false);
    expect(isRecent({ seconds: 1000, nanoseconds: 10_000_000 }, stretch)).toBe(true);
    expect(isRecent({ seconds: 999, nanoseconds: 900_000_000 }, stretch)).toBe(false);
  });
});

describe("a capture has come to rest", () => {
  const pass = { torn: [], vanished: [], moved: [] };

  test("where all was read, and nothing changed but what always does", () => {
    expect(isSettled(pass, new Set())).toBe(true);
    expect(isSettled({ ...pass, moved: paths("var/log/x") }, new Set())).toBe(false);
    expect(isSettled({ ...pass, moved: paths("var/log/x") }, new Set(paths("var/log/x", "etc")))).toBe(true);
    expect(isSettled({ ...pass, torn: paths("x") }, new Set(paths("x")))).toBe(false);
    expect(isSettled({ ...pass, vanished: paths("x") }, new Set(paths("x")))).toBe(false);
  });

  test("and says what would not", () => {
    const moved = paths("torn", ...Array.from({ length: 12 }, (_, at) => `log-${at}`));

    const said = unrest({ torn: paths("torn"), vanished: paths("new\nline"), moved }, 4);

    expect(said[0]).toMatch(/^\/torn would not hold still while it was read, in 4 attempts: /);
    expect(said[1]).toBe("/new\\x0aline was listed and could not be read, in 4 attempts");
    expect(said[2]).toMatch(/: \/log-0, .*\/log-9 and 2 more$/);
    expect(unrest(pass, 1)).toEqual([]);
  });
});
