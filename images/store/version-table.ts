/**
 * A version's entries as a table, as listings are: what a plan reads of a version, at some fifty bytes an entry beside the packs'
 * indexes, which know the digests. The few extended attributes that there are lie in a map.
 */
import { equalBytes, toHex } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry, FileEntryRegular } from "../entry.ts";
import type { Manifest } from "../manifest.ts";
import { bytesColumn, shortColumn, wordColumn } from "../sync/columns.ts";
import { sameExtended } from "../sync/compare.ts";
import { EntryRows } from "../sync/entry-rows.ts";
import { EntryTable } from "../sync/entry-table.ts";
import type { MemberId, Place, StoredEntry } from "./entry-line.ts";
import { memberDigest, memberDigestHex, type PackIndex } from "./pack-index.ts";

/** What the store has of an entry. */
const nothing = 0;
const onlyContent = 1;
const whole = 2;

/** SHA-256 of no bytes. */
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const emptyDigestBytes = Buffer.from(emptyDigest, "hex");
const none: ExtendedAttributes = [];
const nothingOver: readonly MemberId[] = [];

export interface VersionTableOptions {
  /** Keep which older members entries take the place of; what only reads the version need not know. */
  readonly over?: boolean;
}

/** Where the store keeps the entries of a table, and what a listing does not show of them; by row. */
class StoredColumns {
  readonly #indexes: readonly PackIndex[];
  readonly #kind = bytesColumn();
  readonly #pack = shortColumn();
  readonly #member = wordColumn();
  /** Of entries that have some; undefined for those of which it is not known. */
  readonly #extended = new Map<number, ExtendedAttributes | undefined>();
  /** Of entries that take the place of older members; kept where somebody will write them down again. */
  readonly #over: Map<number, readonly MemberId[]> | undefined;

  constructor(indexes: readonly PackIndex[], options: VersionTableOptions) {
    this.#indexes = indexes;
    this.#over = options.over === true ? new Map() : undefined;
  }

  set(row: number, { entry, place, over }: StoredEntry): void {
    this.#kind.set(row, place === undefined ? nothing : place.whole ? whole : onlyContent);
    this.#pack.set(row, place?.pack ?? 0);
    this.#member.set(row, place?.member ?? 0);
    if (entry.extended?.length !== 0) {
      this.#extended.set(row, entry.extended);
    }
    if (over.length > 0) {
      this.#over?.set(row, over);
    }
  }

  overAt(row: number): readonly MemberId[] {
    return this.#over?.get(row) ?? nothingOver;
  }

  placeAt(row: number): Place | undefined {
    const kind = this.#kind.at(row);
    return kind === nothing
      ? undefined
      : { whole: kind === whole, pack: this.#pack.at(row), member: this.#member.at(row) };
  }

  isWhole(row: number): boolean {
    return this.#kind.at(row) === whole;
  }

  extendedAt(row: number): ExtendedAttributes | undefined {
    return this.#extended.has(row) ? this.#extended.get(row) : none;
  }

  get extended(): Iterable<ExtendedAttributes | undefined> {
    return this.#extended.values();
  }

  /** Of a file with content. */
  digestAt(row: number): Uint8Array | undefined {
    return this.digestOf(this.placeAt(row));
  }

  /** As {@link digestAt}, lower-case hex. */
  hexAt(row: number): string | undefined {
    const index = this.#kind.at(row) === nothing ? undefined : this.#indexes[this.#pack.at(row)];
    return index === undefined ? undefined : memberDigestHex(index, this.#member.at(row));
  }

  digestOf(place: Place | undefined): Uint8Array | undefined {
    const index = place === undefined ? undefined : this.#indexes[place.pack];
    return index === undefined || place === undefined ? undefined : memberDigest(index, place.member);
  }
}

/** An entry that stands in a table though the version has not just that. */
export interface PutEntry {
  /** With its digest, where no place tells it. */
  readonly entry: FileEntry;
  /** Where the version's own packs have its content. */
  readonly place?: Place;
  /** The override that it comes from; absent where it is the version's own. */
  readonly from?: string;
}

/** Takes a manifest's entries, which come in path order; `indexes` are those of its packs. */
export class VersionTableBuilder {
  readonly #manifest: Manifest;
  readonly #rows = new EntryRows();
  readonly #columns: StoredColumns;
  readonly #targets = new Set<RelPath>();

  constructor(manifest: Manifest, indexes: readonly PackIndex[], options: VersionTableOptions = {}) {
    this.#manifest = manifest;
    this.#columns = new StoredColumns(indexes, options);
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
  /** By row. */
  readonly #put: ReadonlyMap<number, PutEntry>;

  constructor(
    manifest: Manifest,
    table: EntryTable,
    columns: StoredColumns,
    put: ReadonlyMap<number, PutEntry> = new Map(),
  ) {
    this.manifest = manifest;
    this.table = table;
    this.#columns = columns;
    this.#put = put;
  }

  get length(): number {
    return this.table.length;
  }

  /**
   * The same table with other entries: each of `put` (in path order) takes its path's place, and what lies at or below a path of `gone`
   * and is not put goes. The rows are shared, and what is put is added behind them: a node's own few entries cost no second table.
   */
  with(put: readonly PutEntry[], gone: Iterable<RelPath> = []): VersionTable {
    const { table } = this;
    const places = put.map(({ entry }) => table.placeFor(entry.path));
    const left = new Uint8Array(table.length);
    for (const [index, { entry }] of put.entries()) {
      const place = places[index] as number;
      if (place < table.length && table.rows.pathAt(table.rowAt(place)) === entry.path) {
        left[place] = 1;
      }
    }
    for (const path of gone) {
      // What lies below a directory follows itself in path order, and "0" is what comes after "/".
      left.fill(1, table.placeFor(`${path}/`), table.placeFor(`${path}0`));
      const own = table.indexOf(path);
      if (own >= 0) {
        left[own] = 1;
      }
    }
    const rows = new Map([...this.#put]);
    const order = new Uint32Array(table.length + put.length);
    let length = 0;
    let next = 0;
    for (let place = 0; place <= table.length; place++) {
      for (; places[next] === place; next++) {
        order[length++] = this.#addRow(put[next] as PutEntry, rows);
      }
      if (place < table.length && left[place] === 0) {
        order[length++] = table.rowAt(place);
      }
    }
    const made = new EntryTable(table.rows, order.slice(0, length));
    for (const { entry } of put) {
      const target = entry.kind === "hardlink" ? made.indexOf(entry.target) : -1;
      if (target >= 0) {
        table.rows.markShared(made.rowAt(target));
      }
    }
    return new VersionTable(this.manifest, made, this.#columns, rows);
  }

  #addRow(put: PutEntry, rows: Map<number, PutEntry>): number {
    const row = this.table.rows.length;
    if (!this.table.rows.addEntry(put.entry)) {
      throw new AppError("refused", "A name is longer than any", {
        fields: { path: put.entry.path.slice(0, 4096) },
      });
    }
    rows.set(row, put);
    return row;
  }

  /** The entry at a place in path order, complete with digest and attributes. */
  entryAt(place: number): FileEntry {
    const { rows } = this.table;
    const row = this.table.rowAt(place);
    const put = this.#putAt(place);
    if (put !== undefined || !rows.isFile(row)) {
      const entry = put?.entry ?? this.storedAt(place).entry;
      const digest = entry.kind === "file" && entry.digest === undefined ? this.digestAt(place) : undefined;
      return entry.kind !== "file" || digest === undefined ? entry : { ...entry, digest: toHex(digest) };
    }
    const digest = rows.sizeAt(row) === 0 ? emptyDigest : this.#columns.hexAt(row);
    const extended = this.#columns.extendedAt(row);
    if (digest !== undefined && extended !== undefined) {
      return rows.fileWith(row, { extended, digest });
    }
    const entry = rows.entryAt(row) as FileEntryRegular;
    return {
      ...entry,
      ...(extended === undefined ? {} : { extended }),
      ...(digest === undefined ? {} : { digest }),
    };
  }

  find(path: RelPath): FileEntry | undefined {
    const place = this.table.indexOf(path);
    return place < 0 ? undefined : this.entryAt(place);
  }

  /** The entry as the store keeps it; older members that it takes the place of are told where the table keeps them. */
  storedAt(place: number): StoredEntry {
    const put = this.#putAt(place);
    if (put !== undefined) {
      return { entry: put.entry, over: [], ...(put.place === undefined ? {} : { place: put.place }) };
    }
    const row = this.table.rowAt(place);
    const entry = this.table.entryAt(place);
    const extended = this.#columns.extendedAt(row);
    const stored = this.#columns.placeAt(row);
    return {
      entry: extended === undefined ? entry : { ...entry, extended },
      over: this.#columns.overAt(row),
      ...(stored === undefined ? {} : { place: stored }),
    };
  }

  /** Where the store keeps an entry, or its content alone. */
  placeAt(place: number): Place | undefined {
    const put = this.#putAt(place);
    return put === undefined ? this.#columns.placeAt(this.table.rowAt(place)) : put.place;
  }

  /** Whether a member of a pack is the entry as it is. */
  isWhole(place: number): boolean {
    const put = this.#putAt(place);
    return put === undefined ? this.#columns.isWhole(this.table.rowAt(place)) : put.place?.whole === true;
  }

  /** Whether an entry is a file that is not empty. */
  hasContent(place: number): boolean {
    const { rows } = this.table;
    const row = this.table.rowAt(place);
    return rows.isFile(row) && rows.sizeAt(row) > 0;
  }

  extendedAt(place: number): ExtendedAttributes | undefined {
    const put = this.#putAt(place);
    return put === undefined ? this.#columns.extendedAt(this.table.rowAt(place)) : put.entry.extended;
  }

  /** The attributes of all that have some. */
  get extended(): Iterable<ExtendedAttributes | undefined> {
    return [...this.#columns.extended, ...[...this.#put.values()].map(({ entry }) => entry.extended ?? none)];
  }

  /** SHA-256 of a regular file's content; undefined for what is none. */
  digestAt(place: number): Uint8Array | undefined {
    const row = this.table.rowAt(place);
    if (!this.table.rows.isFile(row)) {
      return undefined;
    }
    if (this.table.rows.sizeAt(row) === 0) {
      return emptyDigestBytes;
    }
    const put = this.#putAt(place);
    if (put === undefined) {
      return this.#columns.digestAt(row);
    }
    return put.entry.kind === "file" && put.entry.digest !== undefined
      ? Buffer.from(put.entry.digest, "hex")
      : this.#columns.digestOf(put.place);
  }

  /** The override that an entry comes from; undefined for what is the version's own. */
  fromAt(place: number): string | undefined {
    return this.#putAt(place)?.from;
  }

  /** What comes from overrides: paths and names. */
  get overrides(): ReadonlyMap<RelPath, string> {
    const known = [...this.#put.values()];
    return new Map(known.flatMap(({ entry, from }) => (from === undefined ? [] : [[entry.path, from]])));
  }

  /** Whether an entry has the same content and attributes as one of another version; of its other facts listings tell. */
  sameHidden(place: number, other: VersionTable, otherPlace: number): boolean {
    const [mine, theirs] = [this.digestAt(place), other.digestAt(otherPlace)];
    const [own, others] = [this.extendedAt(place), other.extendedAt(otherPlace)];
    const sameContent =
      mine === undefined ? theirs === undefined : theirs !== undefined && equalBytes(mine, theirs);
    return sameContent && sameExtended(own ?? none, others ?? none);
  }

  #putAt(place: number): PutEntry | undefined {
    return this.#put.size === 0 ? undefined : this.#put.get(this.table.rowAt(place));
  }
}
