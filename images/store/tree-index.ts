/**
 * What the last commit saw of the tree: inode and change time of every entry, in the order of the version's manifest. It is
 * a cache like git's index: with it, a commit reads only what changed; without it (or with one of another version),
 * everything is read. It is trusted only as far as the clock allows: what changed at the time of the scan is looked at again.
 */
import { open, rename } from "node:fs/promises";
import { type Duration, duration } from "../../base/quantity.ts";
import type { ListedEntry } from "../entry.ts";
import type { ImageName, Manifest } from "../manifest.ts";
import { readIfThere, writeFully } from "./durable-file.ts";
import { encodeTime } from "./entry-line.ts";

/** A tick of the kernel's coarse clock is at most 10 ms; twice that and some for clocks that are read differently. */
const racyMilliseconds = 50;

/**
 * How long to wait between one's own last write to a tree and the listing of it, so that the index can trust every entry: a
 * timer may fire a tick early, and the kernel's stamps lag a tick behind its clock.
 */
export const settlingTime: Duration = duration(racyMilliseconds + 20);

/** Identity and change time of an entry, comparable as text. */
export function seenMark(listed: ListedEntry): string {
  return `${listed.inode} ${encodeTime(listed.ctime)}`;
}

/** Writes the index of the tree as it was listed at `scanned` (Unix milliseconds) and committed as `manifest`. */
export async function writeTreeIndex(
  file: string,
  content: {
    readonly manifest: Manifest;
    readonly listed: readonly ListedEntry[];
    readonly scanned: number;
    readonly temporary: string;
  },
): Promise<void> {
  const trusted = content.scanned - racyMilliseconds;
  const lines = [headLine(content.manifest)];
  for (const listed of content.listed) {
    const changed = listed.ctime.seconds * 1000 + listed.ctime.nanoseconds / 1e6;
    lines.push(changed < trusted ? seenMark(listed) : "-");
  }
  const handle = await open(content.temporary, "wx", 0o600);
  try {
    await writeFully(handle, Buffer.from(`${lines.join("\n")}\n`, "latin1"), {
      file: content.temporary,
      position: 0,
    });
  } finally {
    await handle.close();
  }
  await rename(content.temporary, file);
}

/** The marks of the version's entries in manifest order; undefined where there is no index of this very version. */
export async function readTreeIndex(
  file: string,
  manifest: Manifest,
): Promise<readonly string[] | undefined> {
  const bytes = await readIfThere(file);
  const lines = bytes?.toString("latin1").split("\n") ?? [];
  return lines[0] === headLine(manifest) && lines.length === manifest.totals.entries + 2
    ? lines.slice(1, -1)
    : undefined;
}

/** Which version the index is of; undefined where there is none. */
export async function indexedVersion(
  file: string,
): Promise<{ readonly image: string; readonly number: number; readonly created: number } | undefined> {
  const head = (await readIfThere(file))?.toString("latin1").split("\n", 1)[0] ?? "";
  const match = /^ingot-tree-index 1 ([^ @]+)@(\d+) (-?\d+)$/.exec(head);
  return match === null
    ? undefined
    : { image: match[1] as string, number: Number(match[2]), created: Number(match[3]) };
}

/** The index of an image under its new name. */
export function movedTreeIndex(index: Uint8Array, to: ImageName): Uint8Array {
  const text = Buffer.from(index).toString("latin1");
  return Buffer.from(text.replace(/^(ingot-tree-index 1 )[^ @]+@/, `$1${to}@`), "latin1");
}

function headLine(manifest: Manifest): string {
  return `ingot-tree-index 1 ${manifest.image}@${manifest.number} ${manifest.created}`;
}
