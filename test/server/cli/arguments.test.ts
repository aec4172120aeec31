import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../../server/cli/arguments.ts";
import type { Command } from "../../../server/cli/command.ts";

const command: Command = {
  name: "sample",
  summary: "A sample",
  synopsis: "A [B]",
  positionals: { min: 1, max: 2 },
  options: {
    name: { type: "string", short: "n", help: "" },
    rule: { type: "list", help: "" },
    yes: { type: "boolean", help: "" },
  },
  run: () => Promise.resolve(0),
};

describe("parseCommandLine()", () => {
  it("reads options, lists, positionals and the words after --", () => {
    const parsed = parseCommandLine(command, [
      "a",
      "-n",
      "x",
      "--rule",
      "r1",
      "--rule=r2",
      "--yes",
      "--json",
      "--",
      "-v",
    ]);

    expect(parsed.positionals).toEqual(["a"]);
    expect(parsed.text("name")).toBe("x");
    expect(parsed.list("rule")).toEqual(["r1", "r2"]);
    expect(parsed.flag("yes")).toBe(true);
    expect(parsed.json).toBe(true);
    expect(parsed.rest).toEqual(["-v"]);
  });

  it.each([
    [[], "Too few arguments"],
    [["a", "b", "c"], "Too many arguments"],
    [["a", "--nope"], "Unknown option '--nope'"],
    [["a", "--name"], "argument missing"],
  ])("refuses %j: %s", (words, message) => {
    expect(() => parseCommandLine(command, words)).toThrow(message);
  });

  it("asks for no arguments where help is wanted", () => {
    expect(parseCommandLine(command, ["--help"]).help).toBe(true);
  });
});
