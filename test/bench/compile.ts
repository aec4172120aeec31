/** Compiles a file and what it imports, for processes whose start must not count: loading TypeScript takes longer. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

const repository = path.resolve(import.meta.dirname, "../..");

/** Returns the compiled file. `folder` is made. */
export function compileTo(folder: string, file: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  symlinkSync(path.join(repository, "node_modules"), path.join(folder, "node_modules"));
  writeFileSync(
    path.join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: path.join(repository, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        noCheck: true,
        allowImportingTsExtensions: false,
        outDir: folder,
        rootDir: repository,
        typeRoots: [path.join(repository, "node_modules/@types")],
      },
      include: [],
      files: [path.join(repository, file)],
    }),
  );
  execFileSync(path.join(repository, "node_modules/.bin/tsc"), ["-p", path.join(folder, "tsconfig.json")], {
    stdio: "inherit",
  });
  // The programs that run on clients lie beside the code that sends them.
  cpSync(path.join(repository, "images"), path.join(folder, "images"), {
    recursive: true,
    filter: (from) => from.endsWith(".sh") || statSync(from).isDirectory(),
  });
  return path.join(folder, file.replace(/\.ts$/, ".js"));
}
