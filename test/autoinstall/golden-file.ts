import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";

const folder = path.join(import.meta.dirname, "..", "golden", "layouts");

/** Compares with a golden file. UPDATE_GOLDEN=1 writes it anew, and the test still fails, so that nobody forgets to look. */
export function expectGolden(name: string, text: string): void {
  const file = path.join(folder, name);
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (process.env.UPDATE_GOLDEN === "1" && before !== text) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text, `${name} differs from the golden file (UPDATE_GOLDEN=1 writes it)`).toBe(before);
}
