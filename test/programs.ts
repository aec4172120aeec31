/**
 * Ingot, and programs of the tests' own, as processes of their own. They are compiled once, before the tests with programs begin: to
 * compile at every start takes several times as long as most of them run.
 */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const repository = path.resolve(import.meta.dirname, "..");

/** Where the compiled form of a source file lies, named from the repository's root. */
export function compiledFile(source: string): string {
  return path.join(repository, ".programs", source.replace(/\.ts$/, ".js"));
}

/** What runs a source file: Node, and the compiled file. */
export function programOf(source: URL): readonly [node: string, program: string] {
  return [process.execPath, compiledFile(path.relative(repository, fileURLToPath(source)))];
}

/** `ingot`, to which words are added. */
export const ingotProgram = programOf(new URL("../server/cli/main.ts", import.meta.url));

/** What vitest calls before the tests of a project. */
export function setup(): void {
  execFileSync(
    path.join(repository, "node_modules/.bin/tsc"),
    ["-p", path.join(repository, "test/tsconfig.programs.json")],
    { stdio: "inherit" },
  );
}
