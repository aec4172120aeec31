/** The second half of an apply: what was received is renamed into place, then links, metadata, deletions, directories. */
import { setImmediate } from "node:timers/promises";
import { AppError } from "../../base/errors.ts";
import { isWithin, joinPath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import type { FileEntry, FileEntryDirectory, FileEntryHardlink, Timestamp } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";
import { stagingName } from "../sync/listing.ts";
import { isStreamed } from "../sync/plan.ts";
import type { Received } from "./member-table.ts";
import { clearExtended, setDirectories, setTimes, type TimedPath } from "./metadata.ts";
import { stagedName } from "./receive.ts";
import type { TreeRoot } from "./root.ts";
import { makeSocket } from "./socket.ts";

export interface CommitOptions {
  readonly root: TreeRoot;
  readonly actions: Iterable<SyncAction>;
  readonly received: Received;
  /** The files stand under their own names already. */
  readonly direct: boolean;
  /** The root's own time before the staging folder was made in it. */
  readonly rootTime: Timestamp | undefined;
  readonly onEntry?: (entry: FileEntry) => void;
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

export interface CommitResult {
  readonly written: number;
  readonly metadata: number;
  readonly deleted: number;
  readonly torn: readonly RelPath[];
  readonly vanished: readonly RelPath[];
  readonly kept: readonly RelPath[];
}

type WriteAction = Extract<SyncAction, { kind: "write" }>;

const sliceLength = 500;

export class Commit {
  readonly #options: CommitOptions;
  readonly #root: TreeRoot;
  #written = 0;
  #metadata = 0;
  #deleted = 0;
  readonly #torn: RelPath[] = [];
  readonly #vanished: RelPath[] = [];
  readonly #kept: RelPath[] = [];
  /** Not written although planned: what links to them or lies below them cannot be made either. */
  readonly #failed = new Set<RelPath>();
  /** Staged entries whose place a directory still takes. */
  readonly #deferred: { readonly from: RelPath; readonly to: RelPath }[] = [];
  readonly #directories: FileEntryDirectory[] = [];
  readonly #toClear: RelPath[] = [];
  readonly #times: TimedPath[] = [];
  /** Directories in which something was renamed or removed, with the time they had. */
  readonly #touched = new Map<RelPath, Timestamp>();
  #ordinal = -1;
  #steps = 0;

  constructor(options: CommitOptions) {
    this.#options = options;
    this.#root = options.root;
    if (options.rootTime !== undefined) {
      this.#touched.set(rootPath, options.rootTime);
    }
  }

  async run(): Promise<CommitResult> {
    for (const action of this.#options.actions) {
      if (action.kind === "write" && isStreamed(action)) {
        this.#write(action);
      } else if (action.kind === "write") {
        await this.#make(action.entry);
      }
      if (this.#isLong()) {
        await this.#breathe();
      }
    }
    for (const action of this.#options.actions) {
      if (action.kind === "metadata") {
        this.#setMetadata(action.entry);
      } else if (action.kind === "delete") {
        this.#delete(action);
      }
      if (this.#isLong()) {
        await this.#breathe();
      }
    }
    this.#deferredRenames();
    await this.#finishDirectories();
    return {
      written: this.#written,
      metadata: this.#metadata,
      deleted: this.#deleted,
      torn: this.#torn,
      vanished: this.#vanished,
      kept: this.#kept,
    };
  }

  /** Counts a step; true where others should have their turn. */
  #isLong(): boolean {
    this.#steps += 1;
    return this.#steps % sliceLength === 0;
  }

  async #breathe(): Promise<void> {
    if (this.#options.signal?.aborted === true) {
      throw new AppError("cancelled", "Stopped on request");
    }
    await setImmediate();
  }

  /** What no stream carries. */
  async #make(entry: FileEntry): Promise<void> {
    if (entry.kind === "hardlink") {
      this.#link(entry);
    } else {
      await this.#socket(entry);
    }
  }

  #write(action: WriteAction): void {
    const { entry } = action;
    this.#ordinal += 1;
    const ordinal = this.#ordinal;
    const state = this.#options.received.state(ordinal);
    if (state !== "whole" && entry.kind !== "directory") {
      if (this.#options.direct && state === "torn") {
        this.#root.removeAll(entry.path);
      }
      this.#fail(entry.path, state === "torn" ? this.#torn : this.#vanished);
      return;
    }
    // Unpacked directly, a file is whole only where its directory was made before; a directory must be looked at.
    const placed = this.#options.direct && entry.kind !== "directory";
    if (state === "vanished" || !(placed || this.#hasParent(entry.path))) {
      this.#fail(entry.path, this.#vanished);
      return;
    }
    if (state === "torn") {
      this.#torn.push(entry.path);
    }
    if (entry.kind === "directory") {
      this.#directory({ ...entry, extended: this.#options.received.extended(ordinal) }, action);
    } else if (!this.#options.direct) {
      this.#place(joinPath(stagingName, stagedName(ordinal)), entry.path);
    }
    this.#written += 1;
    this.#options.onEntry?.(this.#complete(entry, ordinal));
  }

  /** The entry with what only the stream told. */
  #complete(entry: FileEntry, ordinal: number): FileEntry {
    const { received } = this.#options;
    const extended = received.extended(ordinal);
    if (entry.kind !== "file") {
      return { ...entry, extended };
    }
    const { path, mode, uid, gid, mtime, size } = entry;
    const digest = received.digest(ordinal);
    const file = { kind: "file", path, mode, uid, gid, mtime, extended, size } as const;
    return digest === undefined ? file : { ...file, digest };
  }

  #fail(path: RelPath, list: RelPath[]): void {
    list.push(path);
    this.#failed.add(path);
  }

  #hasParent(path: RelPath): boolean {
    const parent = parentPath(path);
    return path === "" || parent === "" || this.#root.lstat(parent)?.kind === "directory";
  }

  #directory(entry: FileEntryDirectory, action: WriteAction): void {
    const standing = this.#options.direct ? undefined : this.#root.lstat(entry.path);
    if (standing !== undefined && standing.kind !== "directory") {
      this.#touch(entry.path);
      this.#root.unlink(entry.path);
    }
    if (entry.path !== "" && !this.#options.direct && standing?.kind !== "directory") {
      this.#touch(entry.path);
      this.#root.mkdir(entry.path, 0o700);
    } else if (
      !this.#options.direct &&
      (action.changes.includes("extended") || entry.extended !== undefined)
    ) {
      this.#toClear.push(entry.path);
    }
    this.#directories.push(entry);
  }

  /** Renames a staged entry into place, at once, or later where a directory stands there. */
  #place(from: RelPath, to: RelPath): void {
    if (this.#root.lstat(to)?.kind === "directory") {
      this.#deferred.push({ from, to });
      return;
    }
    this.#touch(to);
    this.#root.rename(from, to);
  }

  #link(entry: FileEntryHardlink): void {
    if (this.#failed.has(entry.target) || !this.#hasParent(entry.path)) {
      this.#fail(entry.path, this.#torn);
      return;
    }
    const deferred = this.#deferred.find(({ to }) => to === entry.target);
    const staged = joinPath(stagingName, `link${this.#steps}`);
    this.#root.link(deferred?.from ?? entry.target, staged);
    this.#place(staged, entry.path);
    this.#written += 1;
  }

  async #socket(entry: FileEntry): Promise<void> {
    if (!this.#hasParent(entry.path)) {
      this.#fail(entry.path, this.#vanished);
      return;
    }
    const staged = joinPath(stagingName, `socket${this.#steps}`);
    await makeSocket(this.#root, staged);
    this.#root.setOwner(staged, entry);
    this.#times.push({ path: entry.path, time: entry.mtime });
    this.#place(staged, entry.path);
    this.#written += 1;
  }

  #setMetadata(entry: FileEntry): void {
    if (entry.kind === "directory") {
      if (this.#root.lstat(entry.path)?.kind !== "directory") {
        this.#fail(entry.path, this.#vanished);
        return;
      }
      this.#directories.push(entry);
    } else {
      const { uid, gid, mode } = entry;
      this.#root.setOwner(entry.path, entry.kind === "symlink" ? { uid, gid } : { uid, gid, mode });
      this.#times.push({ path: entry.path, time: entry.mtime });
    }
    this.#metadata += 1;
  }

  #delete(action: Extract<SyncAction, { kind: "delete" }>): void {
    const standing = this.#root.lstat(action.path);
    if (standing === undefined || action.path === "") {
      return;
    }
    // A type change may have put something new under this name already.
    if ((standing.kind === "directory") !== action.directory) {
      return;
    }
    this.#touch(action.path);
    if (action.directory && !this.#root.rmdir(action.path)) {
      this.#kept.push(action.path);
      return;
    }
    if (!action.directory) {
      this.#root.unlink(action.path);
    }
    this.#touched.delete(action.path);
    this.#deleted += 1;
  }

  #deferredRenames(): void {
    for (const { from, to } of this.#deferred) {
      this.#touch(to);
      if (this.#root.rmdir(to)) {
        this.#touched.delete(to);
        this.#root.rename(from, to);
      } else {
        this.#kept.push(to);
      }
    }
  }

  /** Remembers the time of the directory that holds `path`, before something in it changes. */
  #touch(path: RelPath): void {
    const parent = parentPath(path);
    if (this.#options.direct || this.#touched.has(parent)) {
      return;
    }
    const stat = this.#root.lstat(parent);
    if (stat !== undefined) {
      this.#touched.set(parent, stat.mtime);
    }
  }

  async #finishDirectories(): Promise<void> {
    this.#root.removeAll(stagingName);
    await clearExtended(this.#root, this.#toClear);
    await setDirectories(this.#root, this.#directories);
    const set = new Set(this.#directories.map((entry) => entry.path));
    for (const [path, time] of this.#touched) {
      if (!set.has(path) && this.#root.lstat(path)?.kind === "directory") {
        this.#times.push({ path, time });
      }
    }
    const kept = this.#kept;
    await setTimes(
      this.#root,
      this.#times.filter(
        ({ path }) =>
          !kept.some((directory) => directory !== "" && path !== directory && isWithin(path, directory)),
      ),
    );
  }
}
