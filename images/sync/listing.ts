/**
 * The listing of a tree: one `find -printf` on the machine that has it, decoded here. A record is three NUL-ended strings:
 * facts separated by spaces, the symlink's text (empty for the rest), and the path. Device numbers, for which find has no
 * directive, come as records of their own (`r MAJOR MINOR`, hexadecimal) that `stat` prints in the same command.
 */
import { latin1At } from "../../base/bytes.ts";
import { escapePath, parentPath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Lister } from "../capture/facts.ts";
import type { FileEntry, ListedEntry, Timestamp } from "../entry.ts";
import { FactsReader, type ListingFacts } from "./listing-facts.ts";

/** Ingot's own folder at the root of a tree that is being written; never part of the tree. */
export const stagingName = ".ingot-staging" as RelPath;

/** Where a listing does not descend. `directory` keeps the directory itself and leaves out what is below it. */
export interface Prune {
  readonly path: RelPath;
  readonly keep: "nothing" | "directory";
}

export interface ListOptions {
  /** Absolute path of the tree's root on the machine that lists, one character per byte. */
  readonly root: string;
  readonly prune?: readonly Prune[];
  /** Do not cross into other filesystems (`-xdev`). */
  readonly oneFileSystem?: boolean;
  /** What the machine's tools can do; all that is wanted unless told. */
  readonly lister?: Lister;
  /** Only what changed after this second (Unix time), without device nodes; for finds that have `-newerct`. */
  readonly newerThan?: number;
}

export interface ListingProblem {
  readonly message: string;
  readonly path?: string;
}

export interface ListingLimits {
  readonly maxEntries: number;
  readonly maxRecordBytes: number;
}

/** type, mode, uid, gid, size, blocks, mtime, ctime, device:inode, links | link text | path. */
const recordFormat = "%y %m %U %G %s %b %T@ %C@ %D:%i %n\\0%l\\0%P\\0";
const deviceFormat = "r %t %T\\0\\0%n\\0";

/** The numbers of devices, one by one, for stats that print no NUL. */
const eachDevice = trustedShell(
  'for f; do n=$(stat -c "%t %T" "$f") && printf "r %s\\0\\0%s\\0" "$n" "$f"; done',
);

/** The shell command whose standard output {@link ListingDecoder} reads. Exit code 1 means: some entries vanished or were unreadable; standard error names them. */
export function listCommand(options: ListOptions): ShellText {
  if (options.newerThan !== undefined) {
    // True for what is older too, or it would not be pruned.
    const newer = sh`'(' -newerct ${`@${options.newerThan}`} -printf ${recordFormat} -o -true ')'`;
    return sh`cd ${options.root} && LC_ALL=C exec find . -noleaf ${{ raw: findWords(options, newer) }}${{ raw: newer }}`;
  }
  const devices =
    options.lister === "find-each"
      ? sh`-exec sh -c ${eachDevice} ingot '{}' ';'`
      : sh`-exec stat --printf ${deviceFormat} '{}' +`;
  const record = sh`-printf ${recordFormat}`;
  return sh`cd ${options.root} && LC_ALL=C exec find . -noleaf ${{ raw: findWords(options, record) }}${{ raw: record }} '(' -type b -o -type c ')' ${{ raw: devices }}`;
}

/** As {@link listCommand}, of what GNU tar loses when it walks a tree: sockets, and device nodes and pipes with several names. */
export function listSpecialCommand(root: string): ShellText {
  const special = sh`'(' -type s -o -links +1 '(' -type b -o -type c -o -type p ')' ')'`;
  return sh`cd ${root} && LC_ALL=C exec find . -noleaf ${{ raw: special }} -printf ${recordFormat} '(' -type b -o -type c ')' -exec stat --printf ${deviceFormat} '{}' +`;
}

/** find's words before the action `print`: other filesystems, and where it does not descend. */
export function findWords(options: ListOptions, print: ShellText): ShellText {
  let words = options.oneFileSystem === true ? "-xdev " : "";
  for (const prune of [{ path: stagingName, keep: "nothing" } as const, ...(options.prune ?? [])]) {
    const pattern = `./${prune.path}`.replace(/[\\*?[]/g, "\\$&");
    words +=
      prune.keep === "nothing"
        ? sh`-path ${pattern} -prune -o `
        : sh`-path ${pattern} ${{ raw: print }} -prune -o `;
  }
  return words as ShellText;
}

const defaultLimits: ListingLimits = { maxEntries: 50_000_000, maxRecordBytes: 1024 * 1024 };

/** Push decoder of a listing. After a problem it must not be used further. */
export class ListingDecoder {
  readonly #limits: ListingLimits;
  readonly #reader = new FactsReader();
  #rest: Uint8Array = new Uint8Array(0);
  #count = 0;
  /** Devices whose numbers have not come yet. */
  readonly #devices = new Map<RelPath, ListedEntry>();

  constructor(limits: Partial<ListingLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  write(chunk: Uint8Array): Result<readonly ListedEntry[], ListingProblem> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const entries: ListedEntry[] = [];
    let start = 0;
    for (;;) {
      const facts = bytes.indexOf(0, start);
      const link = facts < 0 ? -1 : bytes.indexOf(0, facts + 1);
      const path = link < 0 ? -1 : bytes.indexOf(0, link + 1);
      if (path < 0) {
        break;
      }
      const record = this.#record(bytes, { start, facts, link, path });
      if (!record.ok) {
        return record;
      }
      if (record.value !== undefined) {
        entries.push(record.value);
      }
      start = path + 1;
    }
    if (bytes.length - start > this.#limits.maxRecordBytes) {
      return err({ message: `listing record of over ${this.#limits.maxRecordBytes} bytes` });
    }
    this.#rest = bytes.slice(start);
    return ok(entries);
  }

  /** Tells whether the listing was whole. A device whose number never came vanished while it was listed and is left out. */
  end(): Result<readonly ListedEntry[], ListingProblem> {
    return this.#rest.length === 0 ? ok([]) : err({ message: "listing ends in the middle of a record" });
  }

  #record(bytes: Uint8Array, at: RecordPosition): Result<ListedEntry | undefined, ListingProblem> {
    const path = parseRelPath(latin1At(bytes, at.link + 1, at.path));
    const problem = (message: string) =>
      err({ message, path: escapePath(latin1At(bytes, at.link + 1, Math.min(at.path, at.link + 4097))) });
    if (!path.ok) {
      return problem(path.error);
    }
    const link = latin1At(bytes, at.facts + 1, at.link);
    if (bytes[at.start] !== deviceRecord && this.#reader.read(bytes, at.start, at.facts)) {
      const listed = usualEntry(this.#reader.facts, { bytes, path: path.value, link });
      if (listed !== undefined) {
        this.#count += 1;
        return this.#count > this.#limits.maxEntries
          ? problem(`more than ${this.#limits.maxEntries} entries`)
          : ok(listed);
      }
    }
    const fields = latin1At(bytes, at.start, at.facts).split(" ");
    if (fields[0] === "r") {
      return this.#deviceNumbers(path.value, fields) ?? problem("device number is no number");
    }
    this.#count += 1;
    if (this.#count > this.#limits.maxEntries) {
      return problem(`more than ${this.#limits.maxEntries} entries`);
    }
    const listed = entryOf(fields, path.value, link);
    if (listed === undefined) {
      return problem("listing record that is none of find's");
    }
    if (listed.entry.kind === "char-device" || listed.entry.kind === "block-device") {
      this.#devices.set(path.value, listed);
      return ok(undefined);
    }
    return ok(listed);
  }

  #deviceNumbers(path: RelPath, fields: readonly string[]): Result<ListedEntry, never> | undefined {
    const major = Number.parseInt(fields[1] ?? "", 16);
    const minor = Number.parseInt(fields[2] ?? "", 16);
    const listed = this.#devices.get(path);
    this.#devices.delete(path);
    if (
      listed === undefined ||
      (listed.entry.kind !== "char-device" && listed.entry.kind !== "block-device") ||
      !(major >= 0 && major < 2 ** 32 && minor >= 0 && minor < 2 ** 32)
    ) {
      return undefined;
    }
    return ok({ ...listed, entry: { ...listed.entry, major, minor } });
  }
}

/** Offsets of a record: its start and the NULs that end its three strings. */
interface RecordPosition {
  readonly start: number;
  readonly facts: number;
  readonly link: number;
  readonly path: number;
}

/** `r` */
const deviceRecord = 0x72;

/** Of a file, directory or symlink with nothing odd about it; undefined for the rest. */
function usualEntry(
  facts: ListingFacts,
  more: { readonly bytes: Uint8Array; readonly path: RelPath; readonly link: string },
): ListedEntry | undefined {
  const { bytes, path, link } = more;
  const { mode, uid, gid } = facts;
  const mtime = { seconds: facts.mtimeSeconds, nanoseconds: facts.mtimeNanoseconds };
  let entry: FileEntry;
  if (facts.type === 0x66 && path !== "") {
    entry = { kind: "file", path, mode, uid, gid, mtime, size: facts.size };
  } else if (facts.type === 0x64) {
    entry = { kind: "directory", path, mode, uid, gid, mtime };
  } else if (facts.type === 0x6c && path !== "" && link !== "") {
    entry = { kind: "symlink", path, mode, uid, gid, mtime, target: link };
  } else {
    return undefined;
  }
  return {
    entry,
    inode: latin1At(bytes, facts.inodeStart, facts.inodeEnd),
    linkCount: facts.links,
    ctime: { seconds: facts.ctimeSeconds, nanoseconds: facts.ctimeNanoseconds },
    allocated: facts.blocks * 512,
  };
}

function entryOf(fields: readonly string[], path: RelPath, link: string): ListedEntry | undefined {
  const [type, mode, uid, gid, size, blocks, mtime, ctime, inode, links] = fields;
  const values = {
    mode: Number.parseInt(mode ?? "", 8),
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    blocks: Number(blocks),
    links: Number(links),
  };
  const modified = timeOf(mtime);
  const changed = timeOf(ctime);
  if (
    fields.length !== 10 ||
    !(values.mode >= 0 && values.mode <= 0o7777) ||
    !(isWord(values.uid) && isWord(values.gid) && isCount(values.size)) ||
    !(isCount(values.blocks) && isWord(values.links)) ||
    modified === undefined ||
    changed === undefined ||
    inode === undefined
  ) {
    return undefined;
  }
  const metadata = { path, mode: values.mode, uid: values.uid, gid: values.gid, mtime: modified };
  const entry = kindOf(type ?? "", metadata, { size: values.size, link });
  return entry === undefined
    ? undefined
    : { entry, inode, linkCount: values.links, ctime: changed, allocated: values.blocks * 512 };
}

function kindOf(
  type: string,
  metadata: {
    readonly path: RelPath;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly mtime: Timestamp;
  },
  more: { readonly size: number; readonly link: string },
): FileEntry | undefined {
  if (metadata.path === "" && type !== "d") {
    return undefined;
  }
  switch (type) {
    case "f":
      return { kind: "file", ...metadata, size: more.size };
    case "d":
      return { kind: "directory", ...metadata };
    case "l":
      return more.link === "" ? undefined : { kind: "symlink", ...metadata, target: more.link };
    case "c":
      return { kind: "char-device", ...metadata, major: 0, minor: 0 };
    case "b":
      return { kind: "block-device", ...metadata, major: 0, minor: 0 };
    case "p":
      return { kind: "fifo", ...metadata };
    case "s":
      return { kind: "socket", ...metadata };
    default:
      return undefined;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** True for what 32 bits hold. */
function isWord(value: number): boolean {
  return isCount(value) && value <= 0xffffffff;
}

/** `SECONDS[.FRACTION]`: find prints the two parts of the kernel's time, so -1.5 means -1 s plus 0.5 s. Finds before 4.3 print no fraction. */
export function timeOf(text: string | undefined): Timestamp | undefined {
  const dot = (text ?? "").indexOf(".");
  const seconds = Number(dot < 0 ? text : text?.slice(0, dot));
  const fraction = dot < 0 ? 0 : Number((text ?? "").slice(dot + 1, dot + 10).padEnd(9, "0"));
  return Number.isSafeInteger(seconds) && Number.isSafeInteger(fraction) && fraction >= 0
    ? { seconds: seconds === 0 ? 0 : seconds, nanoseconds: fraction }
    : undefined;
}

/**
 * Sorts bytewise by path and resolves hard links: the first path of an inode is the file, the others are `hardlink`s to it.
 * A path that comes twice, or lies below something that is no directory, is a problem: such a list can only be made up.
 */
export function normaliseListing(
  entries: readonly ListedEntry[],
): Result<readonly ListedEntry[], ListingProblem> {
  const sorted = [...entries].sort((a, b) =>
    a.entry.path < b.entry.path ? -1 : a.entry.path > b.entry.path ? 1 : 0,
  );
  const directories = new Set<RelPath>(["" as RelPath]);
  const leaders = new Map<string, FileEntry>();
  for (const [index, listed] of sorted.entries()) {
    const { entry } = listed;
    if (index > 0 && sorted[index - 1]?.entry.path === entry.path) {
      return err({ message: "listed twice", path: escapePath(entry.path) });
    }
    if (entry.kind === "directory") {
      directories.add(entry.path);
    }
    if (!directories.has(parentPath(entry.path))) {
      return err({ message: "listed below something that is no directory", path: escapePath(entry.path) });
    }
    if (listed.linkCount > 1 && entry.kind !== "directory") {
      const leader = leaders.get(listed.inode);
      if (leader === undefined) {
        leaders.set(listed.inode, entry);
      } else if (leader.kind === entry.kind) {
        sorted[index] = { ...listed, entry: hardlinkOf(entry, leader.path) };
      }
    }
  }
  return ok(sorted);
}

function hardlinkOf(entry: FileEntry, target: RelPath): FileEntry {
  const { path, mode, uid, gid, mtime, extended } = entry;
  const metadata = { path, mode, uid, gid, mtime };
  return extended === undefined
    ? { kind: "hardlink", ...metadata, target }
    : { kind: "hardlink", ...metadata, extended, target };
}
