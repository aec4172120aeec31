/** The columns of an {@link EntryTable}, in the order in which entries came. */
import { ownText } from "../../base/bytes.ts";
import { joinPath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type {
  EntryKind,
  ExtendedAttributes,
  FileEntry,
  FileEntryRegular,
  ListedEntry,
  Timestamp,
} from "../entry.ts";
import { bytesColumn, CountColumn, shortColumn, TextStore, wordColumn } from "./columns.ts";
import { InodeColumn } from "./inode-column.ts";

const kinds: readonly EntryKind[] = [
  "file",
  "directory",
  "symlink",
  "char-device",
  "block-device",
  "fifo",
  "socket",
  "hardlink",
];
const fileKind = kinds.indexOf("file");
const directoryKind = kinds.indexOf("directory");
const symlinkKind = kinds.indexOf("symlink");
const hardlinkKind = kinds.indexOf("hardlink");

const maxName = 0xffff;

/** Whole blocks of 512 bytes, which all are that a listing tells; anything else as itself, negative. */
function inBlocks(bytes: number): number {
  return bytes % 512 === 0 ? bytes / 512 : -bytes;
}

function inBytes(blocks: number): number {
  return blocks < 0 ? -blocks : blocks * 512;
}

export class EntryRows {
  /** Number of every directory that is an entry or holds one, by path. */
  readonly #directories = new Map<RelPath, number>([[rootPath, 0]]);
  readonly #directoryPaths: RelPath[] = [rootPath];
  /** The row of a directory's own entry plus one; 0 where it has none. */
  readonly #directoryRows = wordColumn();
  readonly #texts = new TextStore();
  readonly #kind = bytesColumn();
  readonly #mode = shortColumn();
  readonly #directory = new CountColumn();
  readonly #text = wordColumn();
  readonly #nameLength = new CountColumn();
  readonly #uid = new CountColumn();
  readonly #gid = new CountColumn();
  readonly #size = new CountColumn();
  readonly #allocated = new CountColumn();
  readonly #mtime = new CountColumn();
  readonly #mtimeNanoseconds = wordColumn();
  readonly #ctime = new CountColumn();
  readonly #ctimeNanoseconds = wordColumn();
  readonly #links = new CountColumn();
  readonly #inodes = new InodeColumn();
  /** The directory that the last entry was in: listings come directory by directory. */
  #lastParent: RelPath = rootPath;
  #lastNumber = 0;
  /** What few entries have: link texts, device numbers, the first name of an inode. */
  readonly #targets = new Map<number, { readonly start: number; readonly length: number }>();
  readonly #numbers = new Map<number, readonly [major: number, minor: number]>();
  readonly #leaders = new Map<number, number>();
  readonly #shared = new Set<number>();
  length = 0;

  /** Keeps a listed entry; false where its texts are longer than anything real. */
  add(listed: ListedEntry): boolean {
    const row = this.length;
    if (!this.addEntry(listed.entry)) {
      return false;
    }
    this.#allocated.set(row, inBlocks(listed.allocated));
    this.#ctime.set(row, listed.ctime.seconds);
    this.#ctimeNanoseconds.set(row, listed.ctime.nanoseconds);
    this.#links.set(row, listed.linkCount);
    this.#inodes.set(row, listed.inode);
    return true;
  }

  /** Keeps an entry without what only a listing knows; its columns take no room then. */
  addEntry(entry: FileEntry): boolean {
    const row = this.length;
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    const text = name.length > maxName ? undefined : this.#texts.add(name);
    if (text === undefined) {
      return false;
    }
    this.length += 1;
    this.#kind.set(row, kinds.indexOf(entry.kind));
    this.#mode.set(row, entry.mode);
    this.#directory.set(row, this.#parentNumber(parentPath(entry.path)));
    this.#text.set(row, text);
    this.#nameLength.set(row, name.length);
    this.#uid.set(row, entry.uid);
    this.#gid.set(row, entry.gid);
    this.#size.set(row, entry.kind === "file" ? entry.size : 0);
    this.#mtime.set(row, entry.mtime.seconds);
    this.#mtimeNanoseconds.set(row, entry.mtime.nanoseconds);
    return this.#addRest(row, entry);
  }

  #addRest(row: number, entry: FileEntry): boolean {
    if (entry.kind === "directory") {
      this.#directoryRows.set(this.#directoryNumber(entry.path), row + 1);
    } else if (entry.kind === "symlink" || entry.kind === "hardlink") {
      const start = this.#texts.add(entry.target);
      if (start === undefined) {
        return false;
      }
      this.#targets.set(row, { start, length: entry.target.length });
    } else if (entry.kind === "char-device" || entry.kind === "block-device") {
      this.#numbers.set(row, [entry.major, entry.minor]);
    }
    return true;
  }

  /** Which directory holds the row (the root is in itself). */
  directoryOf(row: number): number {
    return this.#directory.at(row);
  }

  /** Which directory the row is, if it is one, and the last that was listed under its path. */
  ownDirectory(row: number): number | undefined {
    if (this.#kind.at(row) !== directoryKind) {
      return undefined;
    }
    const number = this.#directories.get(this.pathAt(row));
    return number !== undefined && this.#directoryRows.at(number) === row + 1 ? number : undefined;
  }

  get directoryCount(): number {
    return this.#directoryPaths.length;
  }

  /** An entry whose directory was not listed as one. */
  strayPath(): RelPath | undefined {
    for (let row = 0; row < this.length; row++) {
      const directory = this.#directory.at(row);
      if (directory !== 0 && this.#directoryRows.at(directory) === 0) {
        return this.pathAt(row);
      }
    }
    return undefined;
  }

  nameAt(row: number): string {
    return this.#texts.at(this.#text.at(row), this.#nameLength.at(row));
  }

  pathAt(row: number): RelPath {
    const directory = this.#directory.at(row);
    const name = this.nameAt(row);
    return directory === 0 ? (name as RelPath) : joinPath(this.#directoryPaths[directory] as RelPath, name);
  }

  samePath(row: number, other: number): boolean {
    return this.#directory.at(row) === this.#directory.at(other) && this.sameName(row, this, other);
  }

  /** Whether the last part of a row's path is that of another table's row. */
  sameName(row: number, others: EntryRows, other: number): boolean {
    const length = this.#nameLength.at(row);
    return (
      length === others.#nameLength.at(other) &&
      this.#texts.equals(this.#text.at(row), length, others.#texts, others.#text.at(other))
    );
  }

  /** The number of a directory by its path; -1 for none. */
  directoryOfPath(path: RelPath): number {
    return this.#directories.get(path) ?? -1;
  }

  directoryPath(number: number): RelPath {
    return this.#directoryPaths[number] as RelPath;
  }

  /** Whether a row shares its inode with others, as far as is known. */
  isLinked(row: number): boolean {
    return (
      this.#kind.at(row) === hardlinkKind ||
      (this.#links.at(row) > 1 && this.#kind.at(row) !== directoryKind) ||
      this.#shared.has(row)
    );
  }

  /** Whether a listed row is a further name of an inode whose first name leads. */
  isFurtherName(row: number): boolean {
    return this.#leaders.has(row);
  }

  inodeAt(row: number): string {
    return this.#inodes.at(row);
  }

  /** Notes that further names of a row's inode are rows, where no listing told. */
  markShared(row: number): void {
    this.#shared.add(row);
  }

  /** Whether a file, directory or symlink is the same as another table's: all that a listing shows but its path and inode. */
  sameFacts(row: number, others: EntryRows, other: number): boolean {
    const kind = this.#kind.at(row);
    return (
      kind === others.#kind.at(other) &&
      this.#size.at(row) === others.#size.at(other) &&
      this.#mtime.at(row) === others.#mtime.at(other) &&
      this.#mtimeNanoseconds.at(row) === others.#mtimeNanoseconds.at(other) &&
      this.#mode.at(row) === others.#mode.at(other) &&
      this.#uid.at(row) === others.#uid.at(other) &&
      this.#gid.at(row) === others.#gid.at(other) &&
      (kind === fileKind ||
        kind === directoryKind ||
        (kind === symlinkKind && this.#targetAt(row) === others.#targetAt(other)))
    );
  }

  ctimeAt(row: number): Timestamp {
    return { seconds: this.#ctime.at(row), nanoseconds: this.#ctimeNanoseconds.at(row) };
  }

  isFile(row: number): boolean {
    return this.#kind.at(row) === fileKind;
  }

  sizeAt(row: number): number {
    return this.#size.at(row);
  }

  isDirectory(row: number): boolean {
    return this.#kind.at(row) === directoryKind;
  }

  /** The row of a directory's own entry; -1 where it has none. */
  rowOfDirectory(number: number): number {
    return this.#directoryRows.at(number) - 1;
  }

  /** Whether two rows lie on one filesystem. */
  sameDevice(row: number, other: number): boolean {
    return this.#inodes.deviceAt(row) === this.#inodes.deviceAt(other);
  }

  /** Notes which rows are further names of an inode. `order` is by path: the first name leads. */
  resolveLinks(order: Uint32Array): void {
    const leaders = new Map<string, number>();
    for (const row of order) {
      if (this.#links.at(row) < 2 || this.#kind.at(row) === directoryKind) {
        continue;
      }
      const inode = this.#inodes.at(row);
      const leader = leaders.get(inode);
      if (leader === undefined) {
        leaders.set(inode, row);
      } else if (this.#kind.at(row) === this.#kind.at(leader)) {
        this.#leaders.set(row, leader);
      }
    }
  }

  at(row: number): ListedEntry {
    return {
      entry: this.entryAt(row),
      inode: this.#inodes.at(row),
      linkCount: this.#links.at(row),
      ctime: this.ctimeAt(row),
      allocated: inBytes(this.#allocated.at(row)),
    };
  }

  mtimeAt(row: number): Timestamp {
    return { seconds: this.#mtime.at(row), nanoseconds: this.#mtimeNanoseconds.at(row) };
  }

  /** A row that is a file, with what listings do not show: the digest is the SHA-256 of its content, lower-case hex. */
  fileWith(
    row: number,
    known: { readonly extended: ExtendedAttributes; readonly digest: string },
  ): FileEntryRegular {
    return {
      kind: "file",
      path: this.pathAt(row),
      mode: this.#mode.at(row),
      uid: this.#uid.at(row),
      gid: this.#gid.at(row),
      mtime: this.mtimeAt(row),
      extended: known.extended,
      size: this.#size.at(row),
      digest: known.digest,
    };
  }

  entryAt(row: number): FileEntry {
    // Files are written out, as most entries are such: a spread costs more than all the rest.
    const leader = this.#leaders.size === 0 ? undefined : this.#leaders.get(row);
    if (leader === undefined && this.isFile(row)) {
      return {
        kind: "file",
        path: this.pathAt(row),
        mode: this.#mode.at(row),
        uid: this.#uid.at(row),
        gid: this.#gid.at(row),
        mtime: this.mtimeAt(row),
        size: this.#size.at(row),
      };
    }
    const metadata = {
      path: this.pathAt(row),
      mode: this.#mode.at(row),
      uid: this.#uid.at(row),
      gid: this.#gid.at(row),
      mtime: this.mtimeAt(row),
    };
    if (leader !== undefined) {
      return { kind: "hardlink", ...metadata, target: this.pathAt(leader) };
    }
    const kind = kinds[this.#kind.at(row)] as Exclude<EntryKind, "file">;
    switch (kind) {
      case "symlink":
        return { kind, ...metadata, target: this.#targetAt(row) };
      case "char-device":
      case "block-device": {
        const [major, minor] = this.#numbers.get(row) ?? [0, 0];
        return { kind, ...metadata, major, minor };
      }
      case "hardlink":
        return { kind, ...metadata, target: this.#targetAt(row) as RelPath };
      default:
        return { kind, ...metadata };
    }
  }

  #targetAt(row: number): string {
    const at = this.#targets.get(row);
    return at === undefined ? "" : this.#texts.at(at.start, at.length);
  }

  #parentNumber(path: RelPath): number {
    if (path !== this.#lastParent) {
      this.#lastParent = path;
      this.#lastNumber = this.#directoryNumber(path);
    }
    return this.#lastNumber;
  }

  #directoryNumber(path: RelPath): number {
    const known = this.#directories.get(path);
    if (known !== undefined) {
      return known;
    }
    const number = this.#directoryPaths.length;
    const own = ownText(path) as RelPath;
    this.#directories.set(own, number);
    this.#directoryPaths.push(own);
    this.#directoryRows.set(number, 0);
    return number;
  }
}
