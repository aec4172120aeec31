/**
 * A confined handle on a directory tree. Every path is descended component by component with O_NOFOLLOW from a held
 * descriptor (`/proc/self/fd/N/name` is Linux's openat for programs that have none), so nothing outside the root is reached
 * whatever symlinks stand inside, also when somebody swaps a directory for one meanwhile. Calls are synchronous: for many
 * small operations that is five times faster than promises.
 */
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { baseName, escapePath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { Timestamp } from "../entry.ts";

export interface TreeStat {
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: Timestamp;
}

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const heldDirectories = 256;

export class TreeRoot {
  /** Host path, latin1. */
  readonly path: string;
  readonly #fd: number;
  /** Descriptors of directories used last, oldest first. */
  readonly #held = new Map<RelPath, number>();

  /** Opens a tree's root, which must be a directory (a symlink in its own place is refused). */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(Buffer.from(path, "latin1"), directoryFlags);
    } catch (error) {
      throw treeError(error, { what: "open", path });
    }
  }

  close(): void {
    this.#forget();
    closeSync(this.#fd);
  }

  lstat(path: RelPath): TreeStat | undefined {
    const stat = this.#stat(path);
    return stat === undefined
      ? undefined
      : {
          kind: stat.isFile()
            ? "file"
            : stat.isDirectory()
              ? "directory"
              : stat.isSymbolicLink()
                ? "symlink"
                : "other",
          mode: Number(stat.mode & 0o7777n),
          uid: Number(stat.uid),
          gid: Number(stat.gid),
          size: Number(stat.size),
          mtime: timestampOf(stat.mtimeNs),
        };
  }

  /** Which inode stands at `path` (as find's `%D:%i`) and when it changed last; undefined where nothing does. */
  identity(path: RelPath): { readonly inode: string; readonly ctime: Timestamp } | undefined {
    const stat = this.#stat(path);
    return stat === undefined
      ? undefined
      : { inode: `${stat.dev}:${stat.ino}`, ctime: timestampOf(stat.ctimeNs) };
  }

  /** Names in a directory, latin1. */
  names(path: RelPath): readonly string[] {
    return this.#do("list", path, () =>
      readdirSync(Buffer.from(`/proc/self/fd/${this.#directory(path)}`), { encoding: "buffer" }).map((name) =>
        name.toString("latin1"),
      ),
    );
  }

  /** What a symbolic link says, latin1. */
  readlink(path: RelPath): string {
    return this.#do("read the link", path, () =>
      readlinkSync(this.#name(path), { encoding: "buffer" }).toString("latin1"),
    );
  }

  /** Opens a regular file for reading, never through a symlink and never waiting for a FIFO's writer. */
  openRead(path: RelPath): number {
    return this.#do("open", path, () =>
      openSync(this.#name(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    );
  }

  /** Opens a regular file for writing, never through a symlink. */
  openWrite(path: RelPath): number {
    return this.#do("open", path, () =>
      openSync(this.#name(path), constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    );
  }

  /** Writes all of `bytes` at a place of an open file. */
  writeAt(fd: number, bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(fd, bytes, done, bytes.length - done, position + done);
    }
  }

  /** Makes `to`, which must not be there, a file with the content of an open one. What the filesystem can share is not copied. */
  async copyFrom(fd: number, to: RelPath): Promise<void> {
    const name = this.#do("make", to, () => this.#name(to));
    const how = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
    try {
      await copyFile(Buffer.from(`/proc/self/fd/${fd}`), name, how);
    } catch (error) {
      throw treeError(error, { what: "make", path: `${this.path}/${to}` });
    }
  }

  mkdir(path: RelPath, mode: number): void {
    this.#do("make", path, () => mkdirSync(this.#name(path), mode));
  }

  rename(from: RelPath, to: RelPath): void {
    this.#do("rename into place", to, () => renameSync(this.#name(from), this.#name(to)));
    this.#forgetBelow(from);
  }

  /** Makes `to` a further name of `from`. */
  link(from: RelPath, to: RelPath): void {
    this.#do("link", to, () => linkSync(this.#name(from), this.#name(to)));
  }

  unlink(path: RelPath): void {
    this.#do("remove", path, () => unlinkSync(this.#name(path)));
  }

  /** Removes an empty directory; false where something is left in it. */
  rmdir(path: RelPath): boolean {
    this.#forgetBelow(path);
    return this.#do("remove", path, () => {
      try {
        rmdirSync(this.#name(path));
        return true;
      } catch (error) {
        if (isErrno(error, "ENOTEMPTY") || isErrno(error, "EEXIST") || isErrno(error, "EBUSY")) {
          return false;
        }
        throw error;
      }
    });
  }

  /** Sets owner, then mode (a change of owner clears setuid). The mode of a symlink is left alone: it has none. */
  setOwner(
    path: RelPath,
    values: { readonly uid: number; readonly gid: number; readonly mode?: number },
  ): void {
    this.#do("set the owner of", path, () => {
      const name = path === "" ? this.#self() : this.#name(path);
      lchownSync(name, values.uid, values.gid);
      if (values.mode !== undefined && !lstatSync(name).isSymbolicLink()) {
        chmodSync(name, values.mode);
      }
    });
  }

  /** Sets a time of whole seconds; finer ones need a program (see metadata.ts), because Node counts in floating point. */
  setTime(path: RelPath, seconds: number): void {
    this.#do("set the time of", path, () =>
      lutimesSync(path === "" ? this.#self() : this.#name(path), seconds, seconds),
    );
  }

  /** Runs `act` with a host path that means the held directory, whatever happens to its name meanwhile. */
  async withDirectory<T>(path: RelPath, act: (directory: string) => Promise<T>): Promise<T> {
    const fd = this.#do("open", path, () => this.#directory(path));
    return await act(`/proc/self/fd/${fd}`);
  }

  /** Removes whatever stands at `path`, with all that is below it. */
  removeAll(path: RelPath): void {
    const stat = this.lstat(path);
    if (stat === undefined) {
      return;
    }
    if (stat.kind !== "directory") {
      this.unlink(path);
      return;
    }
    for (const name of this.names(path)) {
      this.removeAll(`${path}/${name}` as RelPath);
    }
    this.rmdir(path);
  }

  #stat(path: RelPath): BigIntStats | undefined {
    try {
      return lstatSync(path === "" ? this.#self() : this.#name(path), { bigint: true });
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) {
        return undefined;
      }
      throw treeError(error, { what: "look at", path });
    }
  }

  #self(): Buffer {
    return Buffer.from(`/proc/self/fd/${this.#fd}/.`);
  }

  #name(path: RelPath): Buffer {
    if (path === "") {
      throw new AppError("internal", "The root of a tree has no name in it");
    }
    const parent = this.#directory(parentPath(path));
    return Buffer.from(`/proc/self/fd/${parent}/${baseName(path)}`, "latin1");
  }

  #directory(path: RelPath): number {
    if (path === "") {
      return this.#fd;
    }
    const held = this.#held.get(path);
    if (held !== undefined) {
      this.#held.delete(path);
      this.#held.set(path, held);
      return held;
    }
    const parent = this.#directory(parentPath(path));
    const fd = openSync(Buffer.from(`/proc/self/fd/${parent}/${baseName(path)}`, "latin1"), directoryFlags);
    this.#held.set(path, fd);
    if (this.#held.size > heldDirectories) {
      const [oldest, oldestFd] = this.#held.entries().next().value as [RelPath, number];
      this.#held.delete(oldest);
      closeSync(oldestFd);
    }
    return fd;
  }

  #forget(): void {
    for (const fd of this.#held.values()) {
      closeSync(fd);
    }
    this.#held.clear();
  }

  #forgetBelow(path: RelPath): void {
    for (const [held, fd] of this.#held) {
      if (held === path || held.startsWith(`${path}/`)) {
        this.#held.delete(held);
        closeSync(fd);
      }
    }
  }

  #do<T>(what: string, path: RelPath, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw treeError(error, { what, path: `${this.path}/${path}` });
    }
  }
}

function timestampOf(time: bigint): Timestamp {
  const nanoseconds = Number(((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  return { seconds: Number((time - BigInt(nanoseconds)) / 1_000_000_000n), nanoseconds };
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function treeError(error: unknown, about: { readonly what: string; readonly path: string }): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const where = escapePath(about.path);
  const errno = error instanceof Error && "code" in error ? String(error.code) : "";
  if (errno === "ELOOP" || errno === "ENOTDIR") {
    return new AppError("hostile", `Cannot ${about.what} '${where}': a part of the path is no directory`, {
      cause: error,
    });
  }
  const known = toAppError(error, "io");
  return new AppError(
    known.code,
    `Cannot ${about.what} '${where}': ${errno === "" ? known.message : errno}`,
    {
      cause: error,
    },
  );
}
