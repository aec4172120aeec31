/** A node's listing as a table, with what the node has answered since about some of its entries. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry, ListedEntry, Timestamp } from "../entry.ts";
import type { EntryTable } from "../sync/entry-table.ts";

/** By place in the table. */
interface Answers {
  /** Of which places attributes are known. */
  readonly asked?: Pick<ReadonlySet<number>, "has">;
  /** The attributes of those that have some. */
  readonly extended?: ReadonlyMap<number, ExtendedAttributes>;
  /** SHA-256, lower-case hex. */
  readonly digests?: Pick<ReadonlyMap<number, string>, "get">;
}

const none: ExtendedAttributes = [];

export class NodeListing {
  readonly table: EntryTable;
  readonly #answers: Answers;

  constructor(table: EntryTable, answers: Answers = {}) {
    this.table = table;
    this.#answers = answers;
  }

  get length(): number {
    return this.table.length;
  }

  entryAt(place: number): FileEntry {
    const entry = this.table.entryAt(place);
    const extended = this.extendedAt(place);
    const digest = this.digestAt(place);
    const known = extended === undefined ? entry : { ...entry, extended };
    return known.kind === "file" && digest !== undefined ? { ...known, digest } : known;
  }

  listedAt(place: number): ListedEntry {
    return { ...this.table.at(place), entry: this.entryAt(place) };
  }

  find(path: RelPath): ListedEntry | undefined {
    const place = this.table.indexOf(path);
    return place < 0 ? undefined : this.listedAt(place);
  }

  /** What stands at a path, by way of the name that carries a hard link's content. */
  standingFile(path: RelPath): ListedEntry | undefined {
    const standing = this.find(path);
    return standing?.entry.kind === "hardlink" ? this.find(standing.entry.target) : standing;
  }

  ctimeAt(place: number): Timestamp {
    return this.table.rows.ctimeAt(this.table.rowAt(place));
  }

  /** Undefined where they are not known. */
  extendedAt(place: number): ExtendedAttributes | undefined {
    return this.#answers.asked?.has(place) === true
      ? (this.#answers.extended?.get(place) ?? none)
      : undefined;
  }

  digestAt(place: number): string | undefined {
    return this.#answers.digests?.get(place);
  }

  with(answers: Answers): NodeListing {
    return new NodeListing(this.table, { ...this.#answers, ...answers });
  }
}
