/**
 * A version's entries as a table, as listings are: what a plan reads of a version, at some fifty bytes an entry beside the packs'
 * indexes, which know the digests. The few extended attributes that there are lie in a map.
 */
import { equalBytes } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry } from "../entry.ts";
import type { Manifest } from "../manifest.ts";
import { bytesColumn, shortColumn, wordColumn } from "../sync/columns.ts";
import { sameExtended } from "../sync/compare.ts";
import { EntryRows } from "../sync/entry-rows.ts";
import { EntryTable } from "../sync/entry-table.ts";
import type { Place, StoredEntry } from "./entry-line.ts";
import { memberDigest, type PackIndex } from "./pack-index.ts";

/** What the store has of an entry. */
const nothing = 0;
const onlyContent = 1;
const whole = 2;

/** SHA-256 of no bytes. */
const emptyDigest = Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");
const none: ExtendedAttributes = [];

/** Where the store keeps the entries of a table, and what a listing does not show of them; by row. */
class StoredColumns {
  readonly #indexes: readonly PackIndex[];
  readonly #kind = bytesColumn();
  readonly #pack = shortColumn();
  readonly #member = wordColumn();
  /** Of entries that have some; undefined for those of which it is not known. */
  readonly #extended = new Map<number, ExtendedAttributes | undefined>();

  constructor(indexes: readonly PackIndex[]) {
    this.#indexes = indexes;
  }

  set(row: number, { entry, place }: StoredEntry): void {
    this.#kind.set(row, place === undefined ? nothing : place.whole ? whole : onlyContent);
    this.#pack.set(row, place?.pack ?? 0);
    this.#member.set(row, place?.member ?? 0);
    if (entry.extended?.length !== 0) {
      this.#extended.set(row, entry.extended);
    }
  }

  placeAt(row: number): Place | undefined {
    const kind = this.#kind.at(row);
    return kind === nothing
      ? undefined
      : { whole: kind === whole, pack: this.#pack.at(row), member: this.#member.at(row) };
  }

  extendedAt(row: number): ExtendedAttributes | undefined {
    return this.#extended.has(row) ? this.#extended.get(row) : none;
  }

  get extended(): Iterable<ExtendedAttributes | undefined> {
    return this.#extended.values();
  }

  /** Of a file with content. */
  digestAt(row: number): Uint8Array | undefined {
    const index = this.#kind.at(row) === nothing ? undefined : this.#indexes[this.#pack.at(row)];
    return index === undefined ? undefined : memberDigest(index, this.#member.at(row));
  }
}

/** Takes a manifest's entries, which come in path order; `indexes` are those of its packs. */
export class VersionTableBuilder {
  readonly #manifest: Manifest;
  readonly #rows = new EntryRows();
  readonly #columns: StoredColumns;
  readonly #targets = new Set<RelPath>();

  constructor(manifest: Manifest, indexes: readonly PackIndex[]) {
    this.#manifest = manifest;
    this.#columns = new StoredColumns(indexes);
  }

  add(stored: StoredEntry): void {
    const { entry } = stored;
    this.#columns.set(this.#rows.length, stored);
    if (!this.#rows.addEntry(entry)) {
      throw new AppError("corrupt", "A version has a name that is longer than any", {
        fields: { path: entry.path.slice(0, 4096) },
      });
    }
    if (entry.kind === "hardlink") {
      this.#targets.add(entry.target);
    }
  }

  finish(): VersionTable {
    const rows = this.#rows;
    const order = Uint32Array.from({ length: rows.length }, (_, row) => row);
    const table = new EntryTable(rows, order);
    for (const target of this.#targets) {
      const row = table.indexOf(target);
      if (row >= 0) {
        rows.markShared(row);
      }
    }
    return new VersionTable(this.#manifest, table, this.#columns);
  }
}

export class VersionTable {
  readonly manifest: Manifest;
  readonly table: EntryTable;
  readonly #columns: StoredColumns;

  constructor(manifest: Manifest, table: EntryTable, columns: StoredColumns) {
    this.manifest = manifest;
    this.table = table;
    this.#columns = columns;
  }

  get length(): number {
    return this.table.length;
  }

  /** The entry at a place in path order, complete with digest and attributes. */
  entryAt(place: number): FileEntry {
    const { entry } = this.storedAt(place);
    const digest = this.digestAt(place);
    return entry.kind !== "file" || digest === undefined
      ? entry
      : { ...entry, digest: Buffer.from(digest).toString("hex") };
  }

  find(path: RelPath): FileEntry | undefined {
    const place = this.table.indexOf(path);
    return place < 0 ? undefined : this.entryAt(place);
  }

  /** The entry as the store keeps it; older members that it takes the place of are not told. */
  storedAt(place: number): StoredEntry {
    const entry = this.table.entryAt(place);
    const extended = this.#columns.extendedAt(place);
    const stored = this.#columns.placeAt(place);
    return {
      entry: extended === undefined ? entry : { ...entry, extended },
      over: [],
      ...(stored === undefined ? {} : { place: stored }),
    };
  }

  extendedAt(place: number): ExtendedAttributes | undefined {
    return this.#columns.extendedAt(place);
  }

  /** The attributes of all that have some. */
  get extended(): Iterable<ExtendedAttributes | undefined> {
    return this.#columns.extended;
  }

  /** SHA-256 of a regular file's content; undefined for what is none. */
  digestAt(place: number): Uint8Array | undefined {
    if (!this.table.rows.isFile(place)) {
      return undefined;
    }
    return this.table.rows.sizeAt(place) === 0 ? emptyDigest : this.#columns.digestAt(place);
  }

  /** Whether an entry has the same content and attributes as one of another version; of its other facts listings tell. */
  sameHidden(place: number, other: VersionTable, otherPlace: number): boolean {
    const [mine, theirs] = [this.digestAt(place), other.digestAt(otherPlace)];
    const [own, others] = [this.extendedAt(place), other.extendedAt(otherPlace)];
    const sameContent =
      mine === undefined ? theirs === undefined : theirs !== undefined && equalBytes(mine, theirs);
    return sameContent && sameExtended(own ?? none, others ?? none);
  }
}
