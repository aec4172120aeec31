/** Finds the files that ship beside the code as they are (shell programs), from the sources as well as from `dist/`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "./errors.ts";

/** The absolute path of a file of this installation, named from the package's root. */
export function packageFile(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw missing(name);
    }
    folder = parent;
  }
  return join(folder, name);
}

/** Reads a file of this installation. */
export function readPackageFile(name: string): Uint8Array {
  try {
    return readFileSync(packageFile(name));
  } catch (error) {
    throw error instanceof AppError ? error : missing(name, error);
  }
}

function missing(name: string, cause?: unknown): AppError {
  return new AppError("internal", `A part of Ingot is missing: ${name}`, {
    hint: "The installation is incomplete: install Ingot again",
    cause,
  });
}
