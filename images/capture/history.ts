/**
 * What a capture remembers of its client, so that the next one reads only what changed. `find` shows no extended attributes, but
 * every change of anything moves an inode's ctime; so an entry whose inode and ctime are as they were when it was last read,
 * and whose copy in the image tree was not touched either, need not be read again.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ListedEntry, Timestamp } from "../entry.ts";

/** An entry's identity and change time at the last capture, on the client and in the image tree, as one comparable word each. */
export interface SeenEntry {
  readonly client: string;
  readonly tree: string;
}

export interface CaptureHistory {
  /** Which machine and directory the image tree was captured from. */
  readonly client: string;
  /**
   * The client's clock (seconds) when the first capture that has not ended yet began. What has not changed on the client since
   * then, and is in the tree, arrived whole in an earlier attempt.
   */
  readonly begun?: number;
  readonly seen: ReadonlyMap<RelPath, SeenEntry>;
}

/** Identity and ctime of a listed entry as one word. */
export function seenWord(listed: ListedEntry): string {
  return `${listed.inode} ${timeWord(listed.ctime)}`;
}

function timeWord(time: Timestamp): string {
  return `${time.seconds}.${String(time.nanoseconds).padStart(9, "0")}`;
}

/** A client's clock may be set back a little between two looks at it (NTP). */
const clockSlack = 5;

/** True where nothing can have changed between the entry on the client and its copy in the tree. */
export function isUnchanged(
  history: CaptureHistory | undefined,
  pair: { readonly client: ListedEntry; readonly tree: ListedEntry },
): boolean {
  if (history === undefined) {
    return false;
  }
  const seen = history.seen.get(pair.client.entry.path);
  if (seen !== undefined) {
    return seen.client === seenWord(pair.client) && seen.tree === seenWord(pair.tree);
  }
  return history.begun !== undefined && pair.client.ctime.seconds < history.begun - clockSlack;
}

const magic = "ingot-capture-history 1";

/** Encodes as NUL-ended strings: magic, client, begun, then path, client word, tree word for each entry. One character per byte. */
export function* encodeHistory(history: CaptureHistory): Generator<string> {
  yield `${magic}\0${history.client}\0${history.begun ?? ""}\0`;
  for (const [path, seen] of history.seen) {
    yield `${path}\0${seen.client}\0${seen.tree}\0`;
  }
}

/** Decodes; anything that is not a whole history is undefined: it is a cache, and without it everything is read again. */
export function decodeHistory(text: string): CaptureHistory | undefined {
  const fields = text.split("\0");
  const [head, client, begun] = fields;
  if (
    head !== magic ||
    client === undefined ||
    begun === undefined ||
    fields.at(-1) !== "" ||
    fields.length % 3 !== 1
  ) {
    return undefined;
  }
  const seen = new Map<RelPath, SeenEntry>();
  for (let i = 3; i + 2 < fields.length; i += 3) {
    seen.set(fields[i] as RelPath, { client: fields[i + 1] ?? "", tree: fields[i + 2] ?? "" });
  }
  return { client, ...(begun === "" ? {} : { begun: Number(begun) }), seen };
}
