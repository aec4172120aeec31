/**
 * What a capture remembers of its client, so that the next one reads only what changed. `find` shows no extended attributes, but
 * every change of anything moves an inode's ctime; so an entry whose inode and ctime are as they were when it was last read,
 * and whose copy in the image tree was not touched either, need not be read again.
 */
import { fromLatin1, latin1At } from "../../base/bytes.ts";
import type { ListedEntry } from "../entry.ts";
import { SeenTable } from "./seen-table.ts";

export interface CaptureHistory {
  /** Which machine and directory the image tree was captured from. */
  readonly client: string;
  /**
   * The client's clock (seconds) when the first capture that has not ended yet began. What has not changed on the client since
   * then, and is in the tree, arrived whole in an earlier attempt.
   */
  readonly begun?: number;
  readonly seen: SeenTable;
}

/** What is looked at of a listed entry: which inode it is, and when that changed last. */
export type SeenEntry = Pick<ListedEntry, "inode" | "ctime">;

/** Identity and ctime of a listed entry as one word. */
export function seenWord(listed: SeenEntry): string {
  return `${listed.inode} ${listed.ctime.seconds}.${listed.ctime.nanoseconds}`;
}

/** A client's clock may be set back a little between two looks at it (NTP). */
export const clockSlack = 5;

/** True where nothing can have changed between the entry on the client and its copy in the tree. */
export function isUnchanged(
  history: CaptureHistory | undefined,
  pair: { readonly client: ListedEntry; readonly tree: ListedEntry },
): boolean {
  if (history === undefined) {
    return false;
  }
  const { client, tree } = pair;
  switch (history.seen.compare(client.entry.path, seenWord(client), seenWord(tree))) {
    case "same":
      return true;
    case "different":
      return false;
    case "unknown":
      return history.begun !== undefined && client.ctime.seconds < history.begun - clockSlack;
  }
}

const magic = "ingot-capture-history 2";

/** The bytes of a history's file: NUL-ended magic, client, begun, number of entries; then the table. */
export function encodeHistory(history: CaptureHistory): readonly [head: Uint8Array, table: Uint8Array] {
  const { client, begun, seen } = history;
  return [fromLatin1(`${magic}\0${client}\0${begun ?? ""}\0${seen.length}\0`), seen.bytes];
}

/** Decodes; anything that is not a whole history is undefined: it is a cache, and without it everything is read again. */
export function decodeHistory(bytes: Uint8Array): CaptureHistory | undefined {
  const head: string[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end >= 0 && head.length < 4; end = bytes.indexOf(0, start)) {
    head.push(latin1At(bytes, start, end));
    start = end + 1;
  }
  const [found, client, begun, length] = head;
  const seen = SeenTable.from(bytes.subarray(start));
  if (found !== magic || client === undefined || seen === undefined || length !== String(seen.length)) {
    return undefined;
  }
  return { client, ...(begun === "" ? {} : { begun: Number(begun) }), seen };
}
