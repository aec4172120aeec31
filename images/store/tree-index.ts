/**
 * What the last commit saw of the tree: inode and change time of every entry, in the order of the version's manifest. It is
 * a cache like git's index: with it, a commit reads only what changed; without it (or with one of another version),
 * everything is read. It is trusted only as far as the clock allows: what changed at the time of the scan is looked at again.
 */
import { open, rename } from "node:fs/promises";
import { type Duration, duration } from "../../base/quantity.ts";
import type { ImageName, Manifest } from "../manifest.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { putWordDigest, wordCells } from "../sync/word-digest.ts";
import { openIfThere, writeFully } from "./durable-file.ts";
import { encodeTime } from "./entry-line.ts";

/** A tick of the kernel's coarse clock is at most 10 ms; twice that and some for clocks that are read differently. */
const racyMilliseconds = 50;

/**
 * How long to wait between one's own last write to a tree and the listing of it, so that the index can trust every entry: a
 * timer may fire a tick early, and the kernel's stamps lag a tick behind its clock.
 */
export const settlingTime: Duration = duration(racyMilliseconds + 20);

/** Identity and change time of the entry at a place, comparable as text. */
export function seenMark(listed: EntryTable, place: number): string {
  const row = listed.rowAt(place);
  return `${listed.rows.inodeAt(row)} ${encodeTime(listed.rows.ctimeAt(row))}`;
}

/** Writes the index of the tree as it was listed at `scanned` (Unix milliseconds) and committed as `manifest`. */
export async function writeTreeIndex(
  file: string,
  content: {
    readonly manifest: Manifest;
    readonly listed: EntryTable;
    readonly scanned: number;
    readonly temporary: string;
  },
): Promise<void> {
  const { manifest, listed, temporary } = content;
  const trusted = content.scanned - racyMilliseconds;
  const handle = await open(temporary, "wx", 0o600);
  try {
    let position = 0;
    let text = `${headLine(manifest)}\n`;
    for (let place = 0; place <= listed.length; place++) {
      if (place === listed.length || text.length > 262_144) {
        const bytes = Buffer.from(text, "latin1");
        await writeFully(handle, bytes, { file: temporary, position });
        position += bytes.length;
        text = "";
      }
      if (place < listed.length) {
        const { seconds, nanoseconds } = listed.rows.ctimeAt(listed.rowAt(place));
        const changed = seconds * 1000 + nanoseconds / 1e6;
        text += changed < trusted ? `${seenMark(listed, place)}\n` : "-\n";
      }
    }
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/** The marks of a version's entries, in the order of its manifest, kept as digests: eight bytes an entry. */
export class SeenMarks {
  readonly #digests: Uint32Array;

  constructor(digests: Uint32Array) {
    this.#digests = digests;
  }

  /** Whether the entry at a place in the manifest was seen with this mark. */
  isAt(place: number, mark: string): boolean {
    putWordDigest(mark, asked, 0);
    const at = place * wordCells;
    return this.#digests[at] === asked[0] && this.#digests[at + 1] === asked[1];
  }
}

const asked = new Uint32Array(wordCells);

/** The marks of the version's entries; undefined where there is no index of this very version. */
export async function readTreeIndex(file: string, manifest: Manifest): Promise<SeenMarks | undefined> {
  const { entries } = manifest.totals;
  const digests = new Uint32Array(entries * wordCells);
  // The head is no entry.
  let line = -1;
  for await (const marks of linesIn(file)) {
    if (line < 0 && marks[0] !== headLine(manifest)) {
      return undefined;
    }
    for (const mark of marks) {
      if (line >= 0) {
        putWordDigest(mark, digests, line * wordCells);
      }
      line += 1;
    }
  }
  return line === entries ? new SeenMarks(digests) : undefined;
}

/** Which version the index is of; undefined where there is none. */
export async function indexedVersion(
  file: string,
): Promise<{ readonly image: string; readonly number: number; readonly created: number } | undefined> {
  for await (const [head = ""] of linesIn(file)) {
    const match = /^ingot-tree-index 1 ([^ @]+)@(\d+) (-?\d+)$/.exec(head);
    return match === null
      ? undefined
      : { image: match[1] as string, number: Number(match[2]), created: Number(match[3]) };
  }
  return undefined;
}

/** The lines of a file in batches, without one that is not ended; none where there is no such file. */
async function* linesIn(file: string): AsyncGenerator<readonly string[]> {
  const handle = await openIfThere(file);
  let rest = "";
  for await (const chunk of handle?.createReadStream({ encoding: "latin1" }) ?? []) {
    const lines = `${rest}${String(chunk)}`.split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) {
      yield lines;
    }
  }
}

/** The index of an image under its new name. */
export function movedTreeIndex(index: Uint8Array, to: ImageName): Uint8Array {
  const text = Buffer.from(index).toString("latin1");
  return Buffer.from(text.replace(/^(ingot-tree-index 1 )[^ @]+@/, `$1${to}@`), "latin1");
}

function headLine(manifest: Manifest): string {
  return `ingot-tree-index 1 ${manifest.image}@${manifest.number} ${manifest.created}`;
}
