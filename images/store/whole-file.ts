/** Files for whoever has no Ingot, outside of the store: there whole or not at all. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { syncFolder } from "./durable-file.ts";

/** `conflict` where the file is there already and is not to be replaced. */
export async function refuseExisting(file: string, replace: boolean | undefined): Promise<void> {
  if (replace !== true && (await stat(file).catch(() => undefined)) !== undefined) {
    throw new AppError("conflict", `${file} exists already`, { hint: "Say --force to replace it." });
  }
}

/** Writes the file (an absolute path) aside, syncs it and renames it; `io` where it cannot be begun, else what `write` throws. */
export async function writeWholeFile<T>(file: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const unfinished = `${file}.${randomBytes(6).toString("hex")}.unfinished`;
  const handle = await open(unfinished, "wx", 0o600).catch((error: unknown) => {
    throw new AppError("io", `Cannot write ${file}: ${toAppError(error, "io").message}`, { cause: error });
  });
  try {
    const result = await write(handle);
    await handle.sync();
    await handle.close();
    await rename(unfinished, file);
    await syncFolder(file.slice(0, file.lastIndexOf("/")) || "/");
    return result;
  } finally {
    await handle.close().catch(() => undefined);
    await rm(unfinished, { force: true });
  }
}
