/** Keeps a {@link CaptureHistory} in a file: a cache that is replaced whole. */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type CaptureHistory, decodeHistory, encodeHistory } from "./history.ts";

/** Reads the history; undefined where there is none that can be used. */
export async function readHistory(file: string): Promise<CaptureHistory | undefined> {
  try {
    return decodeHistory(await readFile(file, "latin1"));
  } catch {
    return undefined;
  }
}

/** Replaces the history. */
export async function writeHistory(file: string, history: CaptureHistory): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  await pipeline(Readable.from(blocks(history)), createWriteStream(temporary));
  await rename(temporary, file);
}

function* blocks(history: CaptureHistory): Generator<Buffer> {
  let text = "";
  for (const piece of encodeHistory(history)) {
    text += piece;
    if (text.length > 65536) {
      yield Buffer.from(text, "latin1");
      text = "";
    }
  }
  yield Buffer.from(text, "latin1");
}
