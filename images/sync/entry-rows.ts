/** The columns of an {@link EntryTable}, in the order in which entries came. */
import { joinPath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { EntryKind, FileEntry, ListedEntry } from "../entry.ts";
import { bytesColumn, CountColumn, shortColumn, TextStore, wordColumn } from "./columns.ts";

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
const directoryKind = kinds.indexOf("directory");

const maxName = 0xffff;

export class EntryRows {
  /** Number of every directory that is an entry or holds one, by path. */
  readonly #directories = new Map<RelPath, number>([[rootPath, 0]]);
  readonly #directoryPaths: RelPath[] = [rootPath];
  /** The row of a directory's own entry plus one; 0 where it has none. */
  readonly #directoryRows = wordColumn();
  readonly #texts = new TextStore();
  readonly #kind = bytesColumn();
  readonly #mode = shortColumn();
  readonly #directory = wordColumn();
  readonly #text = wordColumn();
  readonly #nameLength = shortColumn();
  readonly #uid = wordColumn();
  readonly #gid = wordColumn();
  readonly #size = new CountColumn();
  readonly #allocated = new CountColumn();
  readonly #mtime = new CountColumn();
  readonly #mtimeNanoseconds = wordColumn();
  readonly #ctime = new CountColumn();
  readonly #ctimeNanoseconds = wordColumn();
  readonly #links = wordColumn();
  readonly #device = wordColumn();
  readonly #inode = new CountColumn();
  readonly #devices: string[] = [];
  /** The directory that the last entry was in: listings come directory by directory. */
  #lastParent: RelPath = rootPath;
  #lastNumber = 0;
  /** What few entries have: link texts, device numbers, the first name of an inode, inodes that are no usual number. */
  readonly #targets = new Map<number, { readonly start: number; readonly length: number }>();
  readonly #numbers = new Map<number, readonly [major: number, minor: number]>();
  readonly #leaders = new Map<number, number>();
  readonly #oddInodes = new Map<number, string>();
  length = 0;

  /** Keeps an entry; false where its texts are longer than anything real. */
  add(listed: ListedEntry): boolean {
    const row = this.length;
    const { entry } = listed;
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
    this.#allocated.set(row, listed.allocated);
    this.#mtime.set(row, entry.mtime.seconds);
    this.#mtimeNanoseconds.set(row, entry.mtime.nanoseconds);
    this.#ctime.set(row, listed.ctime.seconds);
    this.#ctimeNanoseconds.set(row, listed.ctime.nanoseconds);
    this.#links.set(row, listed.linkCount);
    this.#setInode(row, listed.inode);
    return this.#addRest(row, entry);
  }

  #addRest(row: number, entry: FileEntry): boolean {
    if (entry.kind === "directory") {
      this.#directoryRows.set(this.#directoryNumber(entry.path), row + 1);
    } else if (entry.kind === "symlink") {
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
    return (
      this.#directory.at(row) === this.#directory.at(other) &&
      this.#nameLength.at(row) === this.#nameLength.at(other) &&
      this.nameAt(row) === this.nameAt(other)
    );
  }

  /** Notes which rows are further names of an inode. `order` is by path: the first name leads. */
  resolveLinks(order: Uint32Array): void {
    const leaders = new Map<string, number>();
    for (const row of order) {
      if (this.#links.at(row) < 2 || this.#kind.at(row) === directoryKind) {
        continue;
      }
      const inode = this.#inodeAt(row);
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
      inode: this.#inodeAt(row),
      linkCount: this.#links.at(row),
      ctime: { seconds: this.#ctime.at(row), nanoseconds: this.#ctimeNanoseconds.at(row) },
      allocated: this.#allocated.at(row),
    };
  }

  entryAt(row: number): FileEntry {
    const metadata = {
      path: this.pathAt(row),
      mode: this.#mode.at(row),
      uid: this.#uid.at(row),
      gid: this.#gid.at(row),
      mtime: { seconds: this.#mtime.at(row), nanoseconds: this.#mtimeNanoseconds.at(row) },
    };
    const leader = this.#leaders.size === 0 ? undefined : this.#leaders.get(row);
    if (leader !== undefined) {
      return { kind: "hardlink", ...metadata, target: this.pathAt(leader) };
    }
    const kind = kinds[this.#kind.at(row)] ?? "file";
    switch (kind) {
      case "file":
        return { kind, ...metadata, size: this.#size.at(row) };
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
    this.#directories.set(path, number);
    this.#directoryPaths.push(path);
    this.#directoryRows.set(number, 0);
    return number;
  }

  /** `DEVICE:INODE`, both decimal: devices are few, and an inode is a number unless it is larger than one can count to. */
  #setInode(row: number, inode: string): void {
    const colon = inode.indexOf(":");
    const number = Number(inode.slice(colon + 1));
    const device = inode.slice(0, Math.max(colon, 0));
    if (!Number.isSafeInteger(number) || number < 0 || `${device}:${number}` !== inode) {
      this.#oddInodes.set(row, inode);
      return;
    }
    let index = this.#devices.lastIndexOf(device);
    if (index < 0) {
      index = this.#devices.push(device) - 1;
    }
    this.#device.set(row, index);
    this.#inode.set(row, number);
  }

  #inodeAt(row: number): string {
    return this.#oddInodes.get(row) ?? `${this.#devices[this.#device.at(row)]}:${this.#inode.at(row)}`;
  }
}
