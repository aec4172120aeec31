/** Keeps a {@link CaptureHistory} in a file: a cache that is replaced whole. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { type CaptureHistory, decodeHistory, encodeHistory } from "./history.ts";

/** Reads the history; undefined where there is none that can be used. */
export async function readHistory(file: string): Promise<CaptureHistory | undefined> {
  try {
    return decodeHistory(await readFile(file));
  } catch {
    return undefined;
  }
}

/** Replaces the history. */
export async function writeHistory(file: string, history: CaptureHistory): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w");
  try {
    for (const part of encodeHistory(history)) {
      await handle.writeFile(part);
    }
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
