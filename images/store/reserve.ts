/**
 * Room that the store keeps for the day on which the disk is full: what makes room needs some itself, for its lock and its note. It is a
 * file of bytes that no filesystem can compress; it is given up when there is no byte left, and made again when there is.
 */
import { randomBytes } from "node:crypto";
import { stat, unlink, writeFile } from "node:fs/promises";
import { toAppError } from "../../base/errors.ts";
import type { StorePaths } from "./store-paths.ts";

/** XFS asks for some hundred blocks to be free before it makes a file, though it needs two. */
const reserveBytes = 1024 * 1024;

/** Runs what makes room; once more, with the reserve given up, where a full disk is in its way. What it did before must not matter. */
export async function makingRoom<T>(paths: StorePaths, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (toAppError(error, "internal").code !== "no-space" || !(await giveUp(paths))) {
      throw error;
    }
    return await work();
  }
}

async function giveUp({ reserve }: Pick<StorePaths, "reserve">): Promise<boolean> {
  return unlink(reserve).then(
    () => true,
    () => false,
  );
}

/** Makes the reserve where it is missing and there is room. Only for the one who may publish. */
export async function keepReserve({ reserve }: StorePaths): Promise<void> {
  const there = await stat(reserve).catch(() => undefined);
  if (there?.size === reserveBytes) {
    return;
  }
  await writeFile(reserve, randomBytes(reserveBytes), { mode: 0o600 }).catch(() => giveUp({ reserve }));
}
