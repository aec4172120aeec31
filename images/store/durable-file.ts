/** Files that are there whole or not at all, also after a power cut: written aside, synced, renamed, the folder synced. */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/** Makes the entries of a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames a synced file into place and makes that durable. */
export async function publishFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(to.slice(0, to.lastIndexOf("/")));
}

/** A folder for the unfinished files of one operation, named after its process so that another can tell when it is dead. */
export async function makeWorkFolder(temporary: string): Promise<string> {
  const folder = `${temporary}/${await workName()}`;
  await mkdir(folder, { recursive: true });
  return folder;
}

/** A name for something unfinished, by which another process can tell whether its maker is dead, whatever is in it. */
export async function workName(): Promise<string> {
  const { pid, startTime, boot } = await ownIdentity();
  return `${pid}-${startTime}-${boot.slice(0, 8)}-${randomBytes(6).toString("hex")}`;
}

/** True where no living process has made a {@link workName} like this. */
export async function isWorkDead(name: string): Promise<boolean> {
  const match = /^(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}$/.exec(name);
  const owner: ProcessIdentity | undefined =
    match === null
      ? undefined
      : { pid: Number(match[1]), startTime: match[2] as string, boot: match[3] as string };
  return owner === undefined || !(await isAlive(owner));
}

/**
 * Removes the work folders of processes that are no more. A program that such a process had started (`tar`, `zstd`) may outlive it
 * for a moment and go on writing there until it finds its pipe closed: so a folder that fills up again is tried again.
 */
export async function removeDeadWorkFolders(temporary: string): Promise<void> {
  for (const name of await readdir(temporary).catch(() => [])) {
    if (await isWorkDead(name)) {
      await rm(`${temporary}/${name}`, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  }
}

/** Writes all of `bytes` at `position`; a full disk becomes `no-space` naming the file. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  where: { readonly file: string; readonly position: number },
): Promise<void> {
  try {
    let offset = 0;
    while (offset < bytes.length) {
      const { bytesWritten } = await handle.write(
        bytes,
        offset,
        bytes.length - offset,
        where.position + offset,
      );
      offset += bytesWritten;
    }
  } catch (error) {
    const known = toAppError(error, "internal");
    throw known.code === "no-space" ? noSpace(where.file, error) : known;
  }
}

/** What a full disk is called, whoever met it. */
export function noSpace(file: string, cause?: unknown): AppError {
  return new AppError("no-space", `No space left while writing ${file}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: "Free space on the disk of the state folder, or remove versions that are no longer needed.",
  });
}

/** Writes a new file that need not outlive a power cut. */
export async function writeNewFile(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await writeFully(handle, bytes, { file, position: 0 });
  } finally {
    await handle.close();
  }
}

/** Reads exactly `length` bytes at `position`; undefined where the file is shorter. */
export async function readExactly(
  handle: FileHandle,
  range: { readonly position: number; readonly length: number },
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(range.length);
  let offset = 0;
  while (offset < range.length) {
    const { bytesRead } = await handle.read(bytes, offset, range.length - offset, range.position + offset);
    if (bytesRead === 0) {
      return undefined;
    }
    offset += bytesRead;
  }
  return bytes;
}

/** SHA-256 of a file, lower-case hex. */
export async function digestFile(handle: FileHandle, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (let position = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) {
      return hash.digest("hex");
    }
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** A file's bytes, or undefined where there is no such file. */
export async function readIfThere(file: string): Promise<Buffer | undefined> {
  return await readFile(file).catch(undefinedIfMissing);
}

/** Opens a file for reading; undefined where there is no such file. */
export async function openIfThere(file: string): Promise<FileHandle | undefined> {
  return await open(file, "r").catch(undefinedIfMissing);
}

function undefinedIfMissing(error: unknown): undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
    throw toAppError(error, "internal");
  }
}

/** The names in a folder; none where there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw toAppError(error, "internal");
  }
}
