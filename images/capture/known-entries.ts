/** What was received of the entries that a capture has just written, for the commit that follows: it need not read them again. */
import type { ExtendedAttributes, FileEntry } from "../entry.ts";
import type { KnownContent } from "../store/store.ts";
import { DigestColumn } from "../sync/columns.ts";
import { SeenTable } from "./seen-table.ts";

const none: ExtendedAttributes = [];

export class KnownEntries {
  readonly #seen = new SeenTable();
  readonly #digests = new DigestColumn();
  /** Of those that have some. */
  readonly #extended = new Map<number, ExtendedAttributes>();

  /** Takes an entry with what was received of it; what was known of its path before holds no longer. */
  add(entry: FileEntry): void {
    const { extended } = entry;
    const row = this.#seen.put(entry.path, extended === undefined ? "" : wordOf(entry), "");
    this.#digests.set(row, entry.kind === "file" ? entry.digest : undefined);
    this.#extended.delete(row);
    if (extended !== undefined && extended.length > 0) {
      this.#extended.set(row, extended);
    }
  }

  /** What is known of an entry that stands in the tree, if it is still what was received. */
  find(now: FileEntry): KnownContent | undefined {
    const row = this.#seen.rowOf(now.path);
    if (row === undefined || this.#seen.compare(now.path, wordOf(now), "") !== "same") {
      return undefined;
    }
    const digest = now.kind === "file" ? this.#digests.get(row) : undefined;
    const extended = this.#extended.get(row) ?? none;
    return digest === undefined ? { extended } : { digest, extended };
  }
}

function wordOf(entry: FileEntry): string {
  const { seconds, nanoseconds } = entry.mtime;
  return `${entry.kind} ${seconds}.${nanoseconds} ${entry.kind === "file" ? entry.size : ""}`;
}
