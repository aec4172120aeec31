/** What a commit has stored, by place in the tree's listing: what the listing shows is not kept twice. */
import type { ExtendedAttributes, FileEntry } from "../entry.ts";
import { bytesColumn, shortColumn, wordColumn } from "../sync/columns.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import type { Place } from "./entry-line.ts";

/** An entry of the tree with its attributes, and where the store keeps it. */
export interface StoredNow {
  readonly entry: FileEntry;
  readonly place?: Place;
}

const [nothing, placeless, onlyContent, whole] = [0, 1, 2, 3];
const none: ExtendedAttributes = [];

export class StoredNowTable {
  readonly #listed: EntryTable;
  readonly #kind = bytesColumn();
  readonly #pack = shortColumn();
  readonly #member = wordColumn();
  /** Of those that have some; undefined for those of which it is not known. */
  readonly #extended = new Map<number, ExtendedAttributes | undefined>();

  constructor(listed: EntryTable) {
    this.#listed = listed;
  }

  /** Keeps what became of an entry, which must be as it is listed. */
  set(at: number, { entry, place }: StoredNow): void {
    this.#kind.set(at, place === undefined ? placeless : place.whole ? whole : onlyContent);
    this.#pack.set(at, place?.pack ?? 0);
    this.#member.set(at, place?.member ?? 0);
    if (entry.extended?.length !== 0) {
      this.#extended.set(at, entry.extended);
    }
  }

  has(at: number): boolean {
    return this.#kind.at(at) !== nothing;
  }

  placeAt(at: number): Place | undefined {
    const kind = this.#kind.at(at);
    return kind === nothing || kind === placeless
      ? undefined
      : { whole: kind === whole, pack: this.#pack.at(at), member: this.#member.at(at) };
  }

  /** Without a digest. */
  entryAt(at: number): FileEntry {
    const entry = this.#listed.entryAt(at);
    const extended = this.#extended.has(at) ? this.#extended.get(at) : none;
    return extended === undefined ? entry : { ...entry, extended };
  }
}
