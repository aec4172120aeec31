/**
 * Locks as files. A lock file is made whole under another name and then linked to its own (which fails where one is), so
 * nobody ever reads half a lock. A lock whose process is dead is taken over: who links the guard of that very lock may
 * rename a new one over it. The text in the file is what others are told.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { isWorkDead, namesIn, readIfThere, workName } from "./durable-file.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

interface LockText extends ProcessIdentity {
  readonly holder: string;
  readonly token: string;
}

/** A lock that is held. */
export interface HeldLock {
  readonly holder: string;
  release(): Promise<void>;
}

/** Takes the lock `NAME` in `folder`; undefined with the holder where a living process has it. */
export async function takeLock(
  folder: string,
  options: { readonly name: string; readonly holder: string },
): Promise<HeldLock | { readonly heldBy: string }> {
  await mkdir(folder, { recursive: true });
  const file = `${folder}/${options.name}.lock`;
  const token = randomBytes(8).toString("hex");
  const mine = `${folder}/.${options.name}.${await workName()}`;
  const text: LockText = { ...(await ownIdentity()), holder: options.holder, token };
  let taken = false;
  try {
    await writeFile(mine, JSON.stringify(text), { flag: "wx" }).catch((error: unknown) => {
      const full = error instanceof Error && "code" in error && error.code === "ENOSPC";
      throw full
        ? new AppError("no-space", `Cannot take the lock ${file}: the disk of the state folder is full`, {
            cause: error,
            hint: "Free some kilobytes on it; 'ingot image prune' makes room for more.",
          })
        : error;
    });
    // Every round either takes the lock, finds a living holder, or lost a race to one who has made progress.
    for (let round = 0; round < 100 && !taken; round++) {
      if (await linked(mine, file)) {
        taken = true;
        break;
      }
      const standing = await readLock(file);
      if (standing === undefined) {
        continue;
      }
      if (await isAlive(standing)) {
        return { heldBy: standing.holder };
      }
      taken = await takeOver(file, { mine, dead: standing });
    }
  } finally {
    await unlink(mine).catch(() => undefined);
  }
  if (!taken) {
    throw new AppError("conflict", `Cannot take the lock ${file}: others keep taking it`);
  }
  return { holder: options.holder, release: () => release(file, token) };
}

/** Who holds the lock now, if anybody. */
export async function lockHolder(folder: string, name: string): Promise<string | undefined> {
  const standing = await readLock(`${folder}/${name}.lock`);
  return standing !== undefined && (await isAlive(standing)) ? standing.holder : undefined;
}

/** Half a minute after it was made, what still cannot be read was never finished. */
const unfinishedAge = 30_000;

/** Removes the locks of dead processes, and what they left while they took one. Not the locks of `except`. */
export async function removeDeadLocks(
  folder: string,
  options: { readonly except: string; readonly now: number },
): Promise<void> {
  for (const fileName of await namesIn(folder)) {
    const file = `${folder}/${fileName}`;
    // What was to become a lock; its maker may have died before it wrote a word into it.
    const maker = /^\..+\.(\d+-\d+-[0-9a-f]{8}-[0-9a-f]{12})$/.exec(fileName)?.[1];
    if (maker !== undefined) {
      if (await isWorkDead(maker)) {
        await unlink(file).catch(() => undefined);
      }
      continue;
    }
    const name = /^(.+)\.lock$/.exec(fileName)?.[1];
    const standing = name === options.except ? undefined : await readLock(file);
    if (standing === undefined || (await isAlive(standing))) {
      continue;
    }
    if (name !== undefined) {
      const taken = await takeLock(folder, { name, holder: "a cleaning" });
      if (!("heldBy" in taken)) {
        await taken.release();
      }
    } else if (standing.pid > 0 || (await madeBefore(file, options.now - unfinishedAge))) {
      await unlink(file).catch(() => undefined);
    }
  }
}

async function madeBefore(file: string, time: number): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && found.mtimeMs < time;
}

async function takeOver(
  file: string,
  lock: { readonly mine: string; readonly dead: LockText },
): Promise<boolean> {
  const guard = `${file}.${lock.dead.token}`;
  if (!(await linked(lock.mine, guard))) {
    const other = await readLock(guard);
    if (other !== undefined && !(await isAlive(other))) {
      await unlink(guard).catch(() => undefined);
    }
    return false;
  }
  try {
    if ((await readLock(file))?.token !== lock.dead.token) {
      return false;
    }
    await rename(lock.mine, file);
    return true;
  } finally {
    await unlink(guard).catch(() => undefined);
  }
}

async function release(file: string, token: string): Promise<void> {
  if ((await readLock(file))?.token === token) {
    await unlink(file).catch(() => undefined);
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function readLock(file: string): Promise<LockText | undefined> {
  const bytes = await readIfThere(file);
  if (bytes === undefined) {
    return undefined;
  }
  try {
    const value = JSON.parse(bytes.toString("utf8")) as Partial<LockText>;
    if (typeof value.pid === "number" && typeof value.token === "string") {
      return {
        pid: value.pid,
        token: value.token,
        startTime: String(value.startTime),
        boot: String(value.boot),
        holder: String(value.holder),
      };
    }
  } catch {
    // Falls through: what no process of ours wrote is held by nobody.
  }
  return { pid: 0, startTime: "", boot: "", holder: "nobody", token: "damaged" };
}
