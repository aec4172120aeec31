import { describe, expect, it } from "vitest";
import { mayImportFolder, packageImporters, pureModules, worldlyGlobals } from "./architecture/rules.ts";
import { shellFiles } from "./architecture/shell-files.ts";
import { readSourceFiles, type SourceFile } from "./architecture/source-files.ts";

const files = readSourceFiles();
const byPath = new Map(files.map((file) => [file.path, file]));
const isShell = (path: string): boolean => shellFiles.has(path);

describe("architecture", () => {
  it("folders import only folders below them", () => {
    const offences = files.flatMap((file) =>
      file.imports
        .filter((target) => !mayImportFolder(file.path, target))
        .map((target) => `${file.path} imports ${target}`),
    );

    expect(offences).toEqual([]);
  });

  it("every import names a file that exists", () => {
    const offences = files.flatMap((file) =>
      file.imports.filter((target) => !byPath.has(target)).map((target) => `${file.path} imports ${target}`),
    );

    expect(offences).toEqual([]);
  });

  it("pure files import no shell file, no node: module and no package with effects", () => {
    const offences = files
      .filter((file) => !isShell(file.path))
      .flatMap((file) => [
        ...file.imports.filter(isShell).map((target) => `${file.path} imports the shell file ${target}`),
        ...file.packages
          .filter((name) => !pureModules.has(name))
          .map((name) => `${file.path} imports ${name}`),
      ]);

    expect(offences).toEqual([]);
  });

  it("the list of shell files names only files that exist and that touch the world or chain files that do", () => {
    const offences = [...shellFiles].filter((path) => {
      const file = byPath.get(path);
      return file === undefined || !(touchesTheWorld(file) || file.imports.some(isShell));
    });

    expect(offences).toEqual([]);
  });

  it("each package and each risky module is imported only where the table says", () => {
    const offences = files.flatMap((file) =>
      file.packages
        .filter((name) => packageImporters[name] !== undefined)
        .filter((name) => !(packageImporters[name] ?? []).some((allowed) => file.path.startsWith(allowed)))
        .map((name) => `${file.path} imports ${name}`),
    );

    expect(offences).toEqual([]);
  });

  it("every package that is imported stands in the table", () => {
    const unknown = files.flatMap((file) =>
      file.packages
        .filter((name) => !name.startsWith("node:") && packageImporters[name] === undefined)
        .map((name) => `${file.path} imports ${name}`),
    );

    expect(unknown).toEqual([]);
  });

  it("there are no import cycles", () => {
    expect(findCycles(files)).toEqual([]);
  });

  it("clock, randomness, console and process are used only in shell files", () => {
    const offences = files
      .filter((file) => !isShell(file.path))
      .flatMap((file) =>
        worldlyGlobals
          .filter((pattern) => pattern.test(stripComments(file.text)))
          .map((pattern) => `${file.path} uses ${pattern.source}`),
      );

    expect(offences).toEqual([]);
  });

  it("no value is pasted into trusted shell text", () => {
    const offences = files
      .filter((file) => /trustedShell\(\s*`[^`]*\$\{/.test(file.text))
      .map((file) => file.path);

    expect(offences).toEqual([]);
  });

  it("no file is over 450 lines, data tables excepted", () => {
    const offences = files
      .filter((file) => file.lines > 450)
      .map((file) => `${file.path}: ${file.lines} lines`);

    expect(offences).toEqual([]);
  });
});

function touchesTheWorld(file: SourceFile): boolean {
  return (
    file.packages.some((name) => !pureModules.has(name)) ||
    worldlyGlobals.some((pattern) => pattern.test(stripComments(file.text)))
  );
}

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** Depth-first search; returns each cycle once as `a -> b -> a`. */
function findCycles(all: readonly SourceFile[]): string[] {
  const graph = new Map(all.map((file) => [file.path, file.imports]));
  const done = new Set<string>();
  const cycles: string[] = [];
  function visit(path: string, trail: readonly string[]): void {
    const at = trail.indexOf(path);
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(" -> "));
      return;
    }
    if (done.has(path)) {
      return;
    }
    for (const target of graph.get(path) ?? []) {
      visit(target, [...trail, path]);
    }
    done.add(path);
  }
  for (const file of all) {
    visit(file.path, []);
  }
  return cycles;
}
