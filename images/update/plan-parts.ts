/** A plan's actions sorted by what the apply script does with them: numbers for each, and texts for directories and filesystems alone. */
import { baseName, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, Timestamp } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import { flagsOf } from "../sync/flags.ts";
import { ActionRows, type ActionTable } from "../sync/plan-tables.ts";
import { mountOf } from "./mounts.ts";
import type { UpdatePlan } from "./plan.ts";

/** The order of renaming: loaders, libraries, programs and the rest, and boot menus after the kernels that they name. */
export const ranks = [0, 1, 2, 3] as const;

export type Rank = (typeof ranks)[number];

/** The rank of what is put into a directory. */
export function rankOf(directory: string): Rank {
  if (/^(usr\/)?lib(32|64|x32)(\/|$)/.test(directory)) {
    return 0;
  }
  if (/^(usr\/)?lib(\/|$)/.test(directory)) {
    return 1;
  }
  return /^boot\/(grub2?|loader|efi)(\/|$)/.test(directory) ? 3 : 2;
}

/** What is renamed into the directories of a rank: files, and symbolic links, which may name them. */
export interface Renames {
  readonly files: ActionRows;
  readonly links: ActionRows;
}

/** Times that get a list each: the files of a package, or of a copy that kept none, have one in common. */
const mostTimes = 4096;

/** As touch -d reads it: a signed decimal, where a timestamp counts its nanoseconds upwards from the second below. */
export function timeWord(mtime: Timestamp): string {
  const before = mtime.seconds < 0 && mtime.nanoseconds > 0;
  const seconds = before ? -mtime.seconds - 1 : Math.abs(mtime.seconds);
  const nanoseconds = before ? 1_000_000_000 - mtime.nanoseconds : mtime.nanoseconds;
  return `@${mtime.seconds < 0 ? "-" : ""}${seconds}.${String(nanoseconds).padStart(9, "0")}`;
}

export class PlanParts {
  readonly #plan: UpdatePlan;
  readonly #actions: ActionTable;
  readonly #replaced: ReadonlySet<RelPath>;
  readonly #arriving: ReadonlySet<RelPath>;
  /** Every action. */
  readonly all: ActionRows;
  /** Directories that are written. */
  readonly directories: ActionRows;
  /** Everything else that is written. */
  readonly contents: ActionRows;
  /** What comes as a member of the version. */
  readonly members: ActionRows;
  readonly hardLinks: ActionRows;
  readonly copies: FileEntry[] = [];
  readonly patched: FileEntry[] = [];
  readonly deletedFiles: ActionRows;
  readonly deletedDirectories: ActionRows;
  /** What gets its time by itself: by time, as long as those are not too many, and the rest. */
  readonly times = new Map<string, ActionRows>();
  readonly timed: ActionRows;
  /** What is to be immutable or append-only in the end. */
  readonly flagged: ActionRows;
  readonly renames: readonly Renames[];
  /** By `owner.UID.GID` and `mode.MODE`: what stands and gets them. */
  readonly grants = new Map<string, ActionRows>();
  /** Directories that something is staged for. */
  readonly parents = new Set<RelPath>();
  /** Those of them that it is renamed into. */
  readonly moved = new Set<RelPath>();
  /** Those of them that have libraries with an order of their own. */
  readonly ordered = new Set<RelPath>();
  /** Directories in which something changes. */
  readonly touched = new Set<RelPath>();
  /** Directories that an action is about. */
  readonly named = new Set<RelPath>();
  /** Filesystems that something changes on, and what goes there in bytes. */
  readonly needed = new Map<RelPath, number>();
  extended = false;

  constructor(plan: UpdatePlan) {
    const rows = () => new ActionRows(plan.actions);
    this.#plan = plan;
    this.#actions = plan.actions;
    this.#replaced = new Set(plan.replaced);
    this.#arriving = new Set(plan.staged);
    this.all = rows();
    this.directories = rows();
    this.contents = rows();
    this.members = rows();
    this.hardLinks = rows();
    this.deletedFiles = rows();
    this.deletedDirectories = rows();
    this.timed = rows();
    this.flagged = rows();
    this.renames = ranks.map(() => ({ files: rows(), links: rows() }));
    for (let row = 0; row < plan.actions.length; row++) {
      this.#add(row, plan.actions.at(row));
    }
  }

  #add(row: number, action: SyncAction): void {
    const path = action.kind === "delete" ? action.path : action.entry.path;
    this.all.add(row);
    this.touched.add(parentPath(path));
    this.#need(path, 0);
    if (action.kind === "delete" ? action.directory : action.entry.kind === "directory") {
      this.named.add(path);
    }
    if (action.kind === "delete") {
      (action.directory ? this.deletedDirectories : this.deletedFiles).add(row);
      return;
    }
    const { entry } = action;
    if (flagsOf(entry.extended) !== "") {
      this.flagged.add(row);
    }
    if (action.kind === "metadata") {
      this.#metadata(row, action);
      return;
    }
    this.extended ||= action.changes.includes("extended") || (entry.extended?.length ?? 0) > 0;
    if (entry.kind === "directory") {
      this.directories.add(row);
    } else {
      this.contents.add(row);
      this.#content(row, entry);
    }
  }

  #metadata(row: number, { entry, changes }: Extract<SyncAction, { kind: "metadata" }>): void {
    // A change of owner takes away setuid and setgid, and always capabilities.
    const owner = changes.includes("owner") || changes.includes("group");
    if (owner) {
      this.#grant(row, `owner.${entry.uid}.${entry.gid}`);
    }
    if (entry.kind !== "symlink" && (owner || changes.includes("mode"))) {
      this.#grant(row, `mode.${entry.mode.toString(8).padStart(4, "0")}`);
    }
    if (entry.kind !== "directory") {
      this.#time(row, entry);
    }
  }

  #content(row: number, entry: FileEntry): void {
    const { copies, patches, dialect } = this.#plan;
    const { path } = entry;
    const parent = parentPath(path);
    this.parents.add(parent);
    if (entry.kind === "hardlink") {
      this.hardLinks.add(row);
    }
    if (copies.has(path)) {
      this.copies.push(entry);
    }
    if (patches.has(path)) {
      this.patched.push(entry);
    }
    if (entry.kind !== "hardlink" && !copies.has(path) && !patches.has(path)) {
      this.members.add(row);
    }
    if (entry.kind === "file") {
      this.#need(path, entry.size + (patches.get(path)?.bytes ?? 0));
    }
    if (entry.kind === "symlink" && dialect !== undefined) {
      // Links whose owners and times the node's tar may not set.
      this.#grant(row, `owner.${entry.uid}.${entry.gid}`);
      this.#time(row, entry);
    }
    if (!this.#replaced.has(path) && !this.#arriving.has(parent)) {
      this.moved.add(parent);
      const { files, links } = this.renames[rankOf(parent)] as Renames;
      (entry.kind === "symlink" ? links : files).add(row);
      if (/^(ld[-0-9]|ld\.so|lib(c|pthread|dl|m|rt)[.-])/.test(baseName(path))) {
        this.ordered.add(parent);
      }
    }
  }

  #time(row: number, { mtime }: FileEntry): void {
    const key = timeWord(mtime);
    const rows =
      this.times.get(key) ?? (this.times.size < mostTimes ? new ActionRows(this.#actions) : this.timed);
    if (rows !== this.timed) {
      this.times.set(key, rows);
    }
    rows.add(row);
  }

  /** What changes a mount's own directory is done on that filesystem too. */
  #need(path: RelPath, bytes: number): void {
    const { mounts } = this.#plan;
    if (bytes === 0 && mounts.length === 1) {
      return;
    }
    const mount = bytes === 0 && mounts.includes(path) ? path : mountOf(path, mounts);
    this.needed.set(mount, (this.needed.get(mount) ?? 0) + bytes);
  }

  #grant(row: number, name: string): void {
    const rows = this.grants.get(name) ?? new ActionRows(this.#actions);
    this.grants.set(name, rows);
    rows.add(row);
  }
}
