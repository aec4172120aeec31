/** Reads the product's source files and their imports, for the architecture test. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const sourceFolders = ["base", "images", "autoinstall", "netboot", "server"] as const;

export interface SourceFile {
  /** Path from the repository's root: `base/result.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Source files imported, as paths from the root. Type-only imports count too. */
  readonly imports: readonly string[];
  /** Packages and `node:` modules imported for their values (type-only imports erase). */
  readonly packages: readonly string[];
}

export function readSourceFiles(): readonly SourceFile[] {
  return sourceFolders.flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readSource(`${folder}/${name}`)),
  );
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(repositoryRoot, path), "utf8");
  const imports: string[] = [];
  const packages = new Set<string>();
  const statement = /^(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)";?$/gms;
  for (const match of text.matchAll(statement)) {
    const target = match[2] as string;
    if (target.startsWith(".")) {
      imports.push(normalize(join(dirname(path), target)));
    } else if (match[1] === undefined) {
      packages.add(packageName(target));
    }
  }
  for (const match of text.matchAll(
    /\bimport\(\s*"([^"]+)"\s*\)|createRequire\(|\brequire\(\s*"([^"]+)"\s*\)/g,
  )) {
    const target = match[1] ?? match[2];
    if (target?.startsWith(".") === true) {
      imports.push(normalize(join(dirname(path), target)));
    } else if (target !== undefined) {
      packages.add(packageName(target));
    }
  }
  return { path, text, lines: text.split("\n").length - 1, imports, packages: [...packages] };
}

function packageName(specifier: string): string {
  if (specifier.startsWith("node:")) {
    return specifier;
  }
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] as string);
}
