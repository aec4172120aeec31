/** Plans between two tables, and keeps the plan as a table: some ten bytes an action instead of the entries themselves. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import type { Change, Selection, SyncAction } from "./actions.ts";
import { bytesColumn, shortColumn, wordColumn } from "./columns.ts";
import type { EntryTable } from "./entry-table.ts";
import { planSync } from "./plan.ts";

export interface TablePlanInput {
  readonly source: EntryTable;
  /** The tree that is to become the source; entries that `ignore` names are left as they are. */
  readonly target: EntryTable;
  readonly ignore?: ReadonlySet<RelPath>;
  readonly selection?: Selection;
  readonly options: {
    readonly deleteExtraneous: boolean;
    readonly checksum?: boolean;
    /** Entries that must be read again although nothing visible differs. */
    readonly recheck?: (source: ListedEntry, target: ListedEntry) => boolean;
  };
}

/** Plans as {@link planSync} does. */
export function planTables(input: TablePlanInput): ActionTable {
  const { deleteExtraneous, checksum, recheck } = input.options;
  const source = new TableCursor(input.source, undefined);
  const target = new TableCursor(input.target, input.ignore);
  const actions = new ActionTable(input.source, input.target);
  const plan = planSync({
    source,
    target,
    ...(input.selection === undefined ? {} : { selection: input.selection }),
    options: {
      deleteExtraneous,
      ...(checksum === undefined ? {} : { checksum }),
      ...(recheck === undefined
        ? {}
        : {
            recheck(wanted: FileEntry, standing: FileEntry) {
              const from = source.listed(wanted.path);
              const to = target.listed(standing.path);
              return from === undefined || to === undefined || recheck(from, to);
            },
          }),
    },
  });
  for (const action of plan) {
    actions.add(action, action.kind === "delete" ? -1 : source.placeOf(action.entry));
  }
  return actions;
}

/** Iterates a table and remembers where it is, so that what a listing knows of an entry is found again without a map. */
class TableCursor implements Iterable<FileEntry> {
  readonly #table: EntryTable;
  readonly #ignore: ReadonlySet<RelPath> | undefined;
  #place = -1;
  #entry: FileEntry | undefined;

  constructor(table: EntryTable, ignore: ReadonlySet<RelPath> | undefined) {
    this.#table = table;
    this.#ignore = ignore;
  }

  *[Symbol.iterator](): Generator<FileEntry> {
    for (let place = 0; place < this.#table.length; place++) {
      const entry = this.#table.entryAt(place);
      if (this.#ignore?.has(entry.path) !== true) {
        this.#place = place;
        this.#entry = entry;
        yield entry;
      }
    }
  }

  /** The place of exactly this entry, if it is the one the cursor stands on; -1 where it was made from another. */
  placeOf(entry: FileEntry): number {
    return entry === this.#entry ? this.#place : -1;
  }

  /** The planner looks one entry ahead in the target, so what is asked for is here or just before. */
  listed(path: RelPath): ListedEntry | undefined {
    for (const place of [this.#place, this.#place - 1]) {
      const listed = place >= 0 && place < this.#table.length ? this.#table.at(place) : undefined;
      if (listed?.entry.path === path) {
        return listed;
      }
    }
    return this.#table.find(path);
  }
}

const changeNames: readonly Change[] = [
  "missing",
  "type",
  "content",
  "mtime",
  "mode",
  "owner",
  "group",
  "link-target",
  "hard-links",
  "device-number",
  "extended",
];

const kinds = ["write", "metadata", "delete", "other"] as const;

/** A plan that makes its actions anew each time it is iterated. */
export class ActionTable implements Iterable<SyncAction> {
  readonly #source: EntryTable;
  readonly #target: EntryTable;
  readonly #kind = bytesColumn();
  readonly #changes = shortColumn();
  readonly #place = wordColumn();
  /** What is not an entry as it was listed: hard links that were made again, and files that lead one. */
  readonly #others = new Map<number, SyncAction>();
  length = 0;

  constructor(source: EntryTable, target: EntryTable) {
    this.#source = source;
    this.#target = target;
  }

  /** Keeps an action whose entry stands at `place` in the source, -1 for one that stands nowhere. */
  add(action: SyncAction, place: number): void {
    const row = this.length;
    this.length += 1;
    const at = action.kind === "delete" ? this.#target.indexOf(action.path) : place;
    if (at < 0) {
      this.#kind.set(row, kinds.indexOf("other"));
      this.#others.set(row, action);
      return;
    }
    this.#kind.set(row, kinds.indexOf(action.kind));
    this.#place.set(row, at);
    let bits = 0;
    for (const change of action.kind === "delete" ? [] : action.changes) {
      bits |= 1 << changeNames.indexOf(change);
    }
    this.#changes.set(row, bits);
  }

  *[Symbol.iterator](): Generator<SyncAction> {
    for (let row = 0; row < this.length; row++) {
      yield this.at(row);
    }
  }

  /** What the files that will be written take on a disk: a sparse file what it holds, a file that the source compresses its size or less. */
  spaceNeeded(): number {
    let needed = 0;
    for (let row = 0; row < this.length; row++) {
      const action = this.at(row);
      if (action.kind === "write" && action.entry.kind === "file") {
        const other = this.#others.has(row);
        const listed = other ? this.#source.find(action.entry.path) : this.#source.at(this.#place.at(row));
        needed += Math.min(action.entry.size, listed?.allocated || action.entry.size);
      }
    }
    return needed;
  }

  at(row: number): SyncAction {
    const kind = kinds[this.#kind.at(row)];
    const place = this.#place.at(row);
    if (kind === "write" || kind === "metadata") {
      return { kind, entry: this.#source.entryAt(place), changes: changesOf(this.#changes.at(row)) };
    }
    if (kind === "delete") {
      const { path, kind: standing } = this.#target.entryAt(place);
      return { kind, path, directory: standing === "directory" };
    }
    return this.#others.get(row) as SyncAction;
  }
}

function changesOf(bits: number): readonly Change[] {
  return changeNames.filter((_, index) => (bits & (1 << index)) !== 0);
}
