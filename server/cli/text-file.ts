import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { AppError, toAppError } from "../../base/errors.ts";

const sizeLimit = 16 * 1024 * 1024;

/** Reads a text file named on the command line: at most 16 MiB, one character per byte (administrators' files may be Latin-1). */
export function readTextFile(path: string): string {
  let bytes: Buffer;
  try {
    // Asked first: what is far too large is never read.
    if (statSync(path).size > sizeLimit) {
      throw tooLarge(path);
    }
    bytes = readFileSync(path);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw missing
      ? new AppError("not-found", `There is no file '${path}'`, { cause: error })
      : toAppError(error);
  }
  if (bytes.length > sizeLimit) {
    throw tooLarge(path);
  }
  return bytes.toString("latin1");
}

function tooLarge(path: string): AppError {
  return new AppError("bad-input", `'${path}' is over 16 MiB: not a file of this kind`);
}

/** Replaces a file's content in one step, keeping its mode: never half written. */
export function replaceTextFile(path: string, text: string): void {
  const staged = `${path}.ingot-new`;
  try {
    writeFileSync(staged, Buffer.from(text, "latin1"), { mode: statSync(path).mode & 0o7777, flush: true });
    renameSync(staged, path);
  } catch (error) {
    throw toAppError(error, "io");
  }
}
