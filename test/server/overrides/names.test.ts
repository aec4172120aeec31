import { describe, expect, test } from "vitest";
import { overrideNames } from "../../../server/overrides/names.ts";

describe("overrideNames()", () => {
  test("has the weakest first: image, all, groups from the last to the first, node", () => {
    expect(overrideNames({ name: "n1.lan", groups: ["first", "second"] }, "web")).toEqual([
      "web",
      "all",
      "second",
      "first",
      "n1",
      "n1.lan",
    ]);
  });

  test("gives a name that stands for two the stronger one's place", () => {
    expect(overrideNames({ name: "n1", groups: ["web", "all"] }, "web")).toEqual(["all", "web", "n1"]);
  });

  test("has no name for a machine that nobody knows", () => {
    expect(overrideNames({ name: "", groups: [] }, "web")).toEqual(["web", "all"]);
  });
});
