/** Writes exports into a folder that another server reads: each file whole, and only where it changes. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { toAppError } from "../../base/errors.ts";
import type { ExportFile } from "./site.ts";

/** The texts of a folder's files, by name; of a folder that is not there, none. */
export async function readFolder(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && entry.name.startsWith("db."));
  return new Map(
    await Promise.all(
      files.map(async ({ name }) => [name, await readFile(join(folder, name), "latin1")] as const),
    ),
  );
}

/** Returns the names of those that changed. */
export async function writeFiles(folder: string, files: readonly ExportFile[]): Promise<readonly string[]> {
  const changed: string[] = [];
  try {
    for (const { name, text } of files) {
      const path = join(folder, name);
      if ((await readFile(path, "latin1").catch(() => undefined)) === text) {
        continue;
      }
      await mkdir(dirname(path), { recursive: true });
      const draft = `${path}.new`;
      try {
        await writeFile(draft, text, { encoding: "latin1", mode: 0o644 });
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      changed.push(name);
    }
  } catch (error) {
    throw toAppError(error, "io");
  }
  return changed;
}
