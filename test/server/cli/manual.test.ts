import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../../server/cli/commands.ts";
import { manualMarkdown, manualRoff } from "../../../server/cli/manual.ts";
import { repositoryRoot } from "../../architecture/source-files.ts";

/** Compares with the file, or rewrites it when UPDATE_GOLDEN is set (and still fails, so that nobody forgets to look). */
function expectFresh(path: string, text: string): void {
  const file = join(repositoryRoot, path);
  let stored = "";
  try {
    stored = readFileSync(file, "utf8");
  } catch {
    // Not written yet: the comparison below says so.
  }
  if (stored !== text && process.env["UPDATE_GOLDEN"] !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(stored === text, `${path} is stale: run 'npm run docs'`).toBe(true);
}

describe("the manual", () => {
  it("docs/cli.md is what the commands say", () => {
    expectFresh("docs/cli.md", manualMarkdown(commands));
  });

  it("docs/man/ingot.8 is what the commands say", () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
      version: string;
    };

    expectFresh("docs/man/ingot.8", manualRoff(commands, version));
  });

  it("every command has a summary that fits a line and a synopsis that names its options", () => {
    for (const command of commands) {
      expect(command.summary.length, command.name).toBeLessThan(100);
      expect(command.summary, command.name).not.toMatch(/\.$/);
    }
  });
});
