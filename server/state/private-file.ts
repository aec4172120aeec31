import { chmod, link, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { toAppError } from "../../base/errors.ts";

/** Reads a file that only its owner may read; makes it whole and durable where it is not there yet. */
export async function ensurePrivateFile(path: string, make: () => string | Promise<string>): Promise<string> {
  try {
    const content = await readFile(path, "utf8");
    await chmod(path, 0o600);
    return content;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      throw toAppError(error, "io");
    }
  }
  const content = await make();
  await writeDurably(path, content, { mode: 0o600, replace: false });
  return content;
}

/** Writes a file so that after any interruption it is there whole or not at all. */
export async function writeDurably(
  path: string,
  content: string,
  options: { readonly mode: number; readonly replace: boolean },
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await unlink(temporary).catch(() => undefined);
    const file = await open(temporary, "wx", options.mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.replace) {
      await rename(temporary, path);
    } else {
      await link(temporary, path);
      await unlink(temporary);
    }
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw toAppError(error, "io");
  }
}
