/** Plans between two tables, and keeps the plan as a table: some ten bytes an action instead of the entries themselves. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { Change, Selection, SyncAction } from "./actions.ts";
import { bytesColumn, shortColumn, wordColumn } from "./columns.ts";
import type { EntryTable } from "./entry-table.ts";
import { planSync, type SyncPlanOptions } from "./plan.ts";
import { samePairs } from "./same-rows.ts";

/** A table as a side of a plan. */
export interface PlanSide {
  readonly table: EntryTable;
  /** The entry at a place with all that is known of it, where that is more than the table holds. */
  readonly entryAt?: (place: number) => FileEntry;
  /** What stands for an entry in the plan, the same whenever it is asked; undefined leaves it out. */
  readonly as?: (entry: FileEntry) => FileEntry | undefined;
}

export interface TablePlanInput {
  readonly source: PlanSide;
  /** The tree that is to become the source. */
  readonly target: PlanSide;
  readonly selection?: Selection;
  readonly options: Omit<SyncPlanOptions, "recheck"> & {
    /** Places whose entries must be read again although nothing visible differs. */
    readonly recheck?: (source: number, target: number) => boolean;
    /** Places whose entries must be looked at: of them more is known than their tables hold. */
    readonly differs?: (source: number, target: number) => boolean;
  };
}

/** Plans as {@link planSync} does; what is the same on both sides for sure is not made an entry of for that. */
export function planTables(input: TablePlanInput): ActionTable {
  const { selection } = input;
  const { recheck, differs, ...options } = input.options;
  const same =
    options.checksum === true || selection?.oneSided === true
      ? undefined
      : samePairs(
          input.source.table,
          input.target.table,
          (from, to) =>
            isLeftOut(input, from) || differs?.(from, to) === true || recheck?.(from, to) === true,
        );
  const source = new TableCursor(input.source, same?.source);
  const target = new TableCursor(input.target, same?.target);
  const actions = new ActionTable(input.source, input.target);
  const plan = planSync({
    source,
    target,
    ...(selection === undefined ? {} : { selection }),
    options: {
      ...options,
      ...(recheck === undefined
        ? {}
        : {
            recheck: (wanted: FileEntry, standing: FileEntry) =>
              recheck(source.placeOfPath(wanted.path), target.placeOfPath(standing.path)),
          }),
    },
  });
  for (const action of plan) {
    actions.add(action, action.kind === "delete" ? -1 : source.placeOf(action.entry));
  }
  return actions;
}

/** Whether a place of the source is a directory that the rules leave out: what is in the target's stays with it. */
function isLeftOut({ source, selection }: TablePlanInput, place: number): boolean {
  const { rows } = source.table;
  const row = source.table.rowAt(place);
  return selection !== undefined && rows.isDirectory(row) && selection.excludes(rows.pathAt(row), true);
}

interface Given {
  readonly place: number;
  readonly entry: FileEntry | undefined;
}

const nothing: Given = { place: -1, entry: undefined };

/** Iterates a table and remembers where it is, so that what a listing knows of an entry is found again without a map. */
class TableCursor implements Iterable<FileEntry> {
  readonly #side: PlanSide;
  readonly #passedOver: Uint8Array | undefined;
  /** The entries given last: the planner looks one ahead in the target. */
  #last: Given = nothing;
  #before: Given = nothing;

  constructor(side: PlanSide, passedOver: Uint8Array | undefined) {
    this.#side = side;
    this.#passedOver = passedOver;
  }

  *[Symbol.iterator](): Generator<FileEntry> {
    const { table } = this.#side;
    for (let place = 0; place < table.length; place++) {
      if (this.#passedOver?.[place] === 1) {
        continue;
      }
      const entry = entryOf(this.#side, place);
      if (entry !== undefined) {
        this.#before = this.#last;
        this.#last = { place, entry };
        yield entry;
      }
    }
  }

  /** The place of exactly this entry, if it is the one given last; -1 where it was made from another. */
  placeOf(entry: FileEntry): number {
    return entry === this.#last.entry ? this.#last.place : -1;
  }

  placeOfPath(path: RelPath): number {
    const given = [this.#last, this.#before].find(({ entry }) => entry?.path === path);
    return given === undefined ? this.#side.table.indexOf(path) : given.place;
  }
}

/** What stands in a plan for the entry at a place. */
function entryOf({ table, entryAt, as }: PlanSide, place: number): FileEntry | undefined {
  const own = entryAt === undefined ? table.entryAt(place) : entryAt(place);
  return as === undefined ? own : as(own);
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

/** A plan of more actions makes each anew whenever it is asked for: plans are gone through a dozen times, and small ones are the rule. */
const keptActions = 32_768;

/** A plan whose actions are made of its tables when they are asked for. */
export class ActionTable implements Iterable<SyncAction> {
  readonly #source: PlanSide;
  readonly #target: PlanSide;
  readonly #kind = bytesColumn();
  readonly #changes = shortColumn();
  readonly #place = wordColumn();
  /** What is not an entry as it was listed: hard links that were made again, and files that lead one. */
  readonly #others = new Map<number, SyncAction>();
  /** Of the first rows, once they were asked for, in a plan of not too many. */
  readonly #kept: SyncAction[] = [];
  length = 0;

  constructor(source: PlanSide, target: PlanSide) {
    this.#source = source;
    this.#target = target;
  }

  /** Keeps an action whose entry stands at `place` in the source, -1 for one that stands nowhere. */
  add(action: SyncAction, place: number): void {
    const row = this.length;
    this.length += 1;
    const at = action.kind === "delete" ? this.#target.table.indexOf(action.path) : place;
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
        const listed = other
          ? this.#source.table.find(action.entry.path)
          : this.#source.table.at(this.#place.at(row));
        needed += Math.min(action.entry.size, listed?.allocated || action.entry.size);
      }
    }
    return needed;
  }

  /** The plan with some of its actions alone. */
  where(isChosen: (action: SyncAction) => boolean): ActionTable {
    const chosen = new ActionTable(this.#source, this.#target);
    for (let row = 0; row < this.length; row++) {
      if (isChosen(this.at(row))) {
        chosen.#copy(this, row);
      }
    }
    return chosen.length === this.length ? this : chosen;
  }

  /** As many actions as that, from the beginning. */
  first(count: number): readonly SyncAction[] {
    return Array.from({ length: Math.min(count, this.length) }, (_, row) => this.at(row));
  }

  /** The path of an action, without making the whole of it. */
  pathAt(row: number): RelPath {
    const place = this.#place.at(row);
    const kind = kinds[this.#kind.at(row)];
    if (kind === "other") {
      const action = this.#others.get(row) as SyncAction;
      return action.kind === "delete" ? action.path : action.entry.path;
    }
    const { table } = kind === "delete" ? this.#target : this.#source;
    return table.rows.pathAt(table.rowAt(place));
  }

  #copy(from: ActionTable, row: number): void {
    const kept = from.#kept[row];
    if (kept !== undefined && this.#kept.length === this.length) {
      this.#kept.push(kept);
    }
    const other = from.#others.get(row);
    if (other !== undefined) {
      this.#others.set(this.length, other);
    }
    this.#kind.set(this.length, from.#kind.at(row));
    this.#place.set(this.length, from.#place.at(row));
    this.#changes.set(this.length, from.#changes.at(row));
    this.length += 1;
  }

  at(row: number): SyncAction {
    const kept = this.#kept[row];
    if (kept !== undefined) {
      return kept;
    }
    const action = this.#make(row);
    // In order alone, so that the array has no gaps.
    if (row === this.#kept.length && this.length <= keptActions) {
      this.#kept.push(action);
    }
    return action;
  }

  #make(row: number): SyncAction {
    const kind = kinds[this.#kind.at(row)];
    const place = this.#place.at(row);
    if (kind === "write" || kind === "metadata") {
      const entry = entryOf(this.#source, place) as FileEntry;
      return { kind, entry, changes: changesOf(this.#changes.at(row)) };
    }
    if (kind === "delete") {
      const { path, kind: standing } = this.#target.table.entryAt(place);
      return { kind, path, directory: standing === "directory" };
    }
    return this.#others.get(row) as SyncAction;
  }
}

/** Some actions of a plan, by their rows. Their paths and they themselves are made when they are asked for, as often as that. */
export class ActionRows {
  readonly #actions: ActionTable;
  readonly #rows = wordColumn();
  length = 0;

  constructor(actions: ActionTable) {
    this.#actions = actions;
  }

  add(row: number): void {
    this.#rows.set(this.length++, row);
  }

  *[Symbol.iterator](): Generator<SyncAction> {
    for (let at = 0; at < this.length; at++) {
      yield this.#actions.at(this.#rows.at(at));
    }
  }

  *paths(): Generator<RelPath> {
    for (let at = 0; at < this.length; at++) {
      yield this.#actions.pathAt(this.#rows.at(at));
    }
  }

  /** What is written or set. */
  *entries(): Generator<FileEntry> {
    for (const action of this) {
      if (action.kind !== "delete") {
        yield action.entry;
      }
    }
  }

  /** Whether a path is among them; the rows were added in path order. */
  has(path: RelPath): boolean {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#actions.pathAt(this.#rows.at(middle)) < path) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < this.length && this.#actions.pathAt(this.#rows.at(low)) === path;
  }
}

function changesOf(bits: number): readonly Change[] {
  return changeNames.filter((_, index) => (bits & (1 << index)) !== 0);
}
