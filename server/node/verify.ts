/** Compares what a machine wrote with the version it was to write: its own listing and digests, against the stored entries. */
import { limitBytes } from "../../base/async.ts";
import { toLatin1 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { escapePath, isWithin, parentPath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../../images/entry.ts";
import type { SyncAction } from "../../images/sync/actions.ts";
import { makeSelection } from "../../images/sync/exclude.ts";
import { flagsOf } from "../../images/sync/flags.ts";
import { ListingDecoder, normaliseListing } from "../../images/sync/listing.ts";
import { planSync } from "../../images/sync/plan.ts";

export interface WrittenTree {
  /** Listing, then digests. */
  readonly body: AsyncIterable<Uint8Array>;
  /** How many bytes of the body the listing is. */
  readonly listingBytes: number;
  readonly version: AsyncIterable<FileEntry>;
  /** Folders that were made to mount something on, where the version has none. They are empty, or more would be listed. */
  readonly mountPoints: readonly RelPath[];
  /** Mount points of filesystems without owners, modes and exact times (vfat): there only names and contents count. */
  readonly loose: readonly RelPath[];
}

const bodyLimit = 4 * 1024 ** 3;
/** A digest record: 64 digits, two characters, `./`, a path. */
const digestRecordLimit = 64 + 2 + 65_536;

export interface Verdict {
  /** One sentence for each difference; empty where the machine has just what the version has. */
  readonly differences: readonly string[];
  /** What is to be immutable or append-only when nothing is written any more: `FLAGS`, `./PATH`, and so on, each ended with NUL. */
  readonly flags: string;
}

export async function compareWritten(written: WrittenTree): Promise<Verdict> {
  const { listed, digests } = await readBody(written);
  const target = listed
    .map(({ entry }) => withDigest(entry, digests))
    .filter(isComparable)
    .map((entry) => loosened(entry, written.loose));
  const source: FileEntry[] = [];
  let flags = "";
  for await (const entry of written.version) {
    const flagged = isLoose(entry, written.loose) ? "" : flagsOf(entry.extended);
    if (flagged !== "") {
      flags += `${flagged}\0./${entry.path}\0`;
    }
    if (isComparable(entry)) {
      source.push(loosened(entry, written.loose));
    }
  }
  // mkfs makes lost+found in every ext filesystem.
  const selection = makeSelection([{ text: "- lost+found/", origin: "install" }]);
  const actions = planSync({
    source,
    target,
    selection,
    options: { deleteExtraneous: true, checksum: true },
  });
  const made = new Set(written.mountPoints.flatMap(withParents));
  const differences = [...actions]
    .filter((action) => !(action.kind === "delete" && made.has(action.path)))
    .map(sentence);
  return { differences, flags };
}

/** Sockets are names that their programs make; no archive carries them. */
function isComparable(entry: FileEntry): boolean {
  return entry.kind !== "socket";
}

function withParents(path: RelPath): readonly RelPath[] {
  const parent = parentPath(path);
  return parent === path ? [] : [...withParents(parent), path];
}

function isLoose(entry: FileEntry, loose: readonly RelPath[]): boolean {
  return loose.some((mountPoint) => isWithin(entry.path, mountPoint));
}

function loosened(entry: FileEntry, loose: readonly RelPath[]): FileEntry {
  if (!isLoose(entry, loose)) {
    return entry;
  }
  const { extended: _extended, ...known } = entry;
  return { ...known, mode: 0, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } };
}

function sentence(action: SyncAction): string {
  if (action.kind === "delete") {
    return `/${escapePath(action.path)}: is not in the version`;
  }
  const what = action.changes.includes("missing") ? "is missing" : `differs in ${action.changes.join(", ")}`;
  return `/${escapePath(action.entry.path)}: ${what}`;
}

function withDigest(entry: FileEntry, digests: ReadonlyMap<string, string>): FileEntry {
  const digest = entry.kind === "file" ? digests.get(entry.path) : undefined;
  return entry.kind === "file" && digest !== undefined ? { ...entry, digest } : entry;
}

interface Uploaded {
  readonly listed: readonly ListedEntry[];
  readonly digests: ReadonlyMap<string, string>;
}

async function readBody(written: WrittenTree): Promise<Uploaded> {
  const decoder = new ListingDecoder();
  const entries: ListedEntry[] = [];
  const digests = new DigestReader();
  let left = written.listingBytes;
  const body = limitBytes(written.body, { limit: bodyLimit, what: "the listing of the written tree" });
  for await (const chunk of body) {
    const part = chunk.subarray(0, left);
    if (part.length > 0) {
      const decoded = decoder.write(part);
      if (!decoded.ok) {
        throw malformed(decoded.error.message);
      }
      for (const entry of decoded.value) {
        entries.push(entry);
      }
      left -= part.length;
    }
    digests.write(chunk.subarray(part.length));
  }
  const last = decoder.end();
  if (left > 0 || !last.ok) {
    throw malformed(last.ok ? "it ends early" : last.error.message);
  }
  const normal = normaliseListing([...entries, ...last.value]);
  if (!normal.ok) {
    throw malformed(normal.error.message);
  }
  return { listed: normal.value, digests: digests.end() };
}

/** Reads `sha256sum --zero` output. */
class DigestReader {
  readonly #digests = new Map<string, string>();
  #rest = "";

  write(chunk: Uint8Array): void {
    const records = (this.#rest + toLatin1(chunk)).split("\0");
    this.#rest = records.pop() ?? "";
    if (this.#rest.length > digestRecordLimit) {
      throw malformed("a digest record is too long");
    }
    for (const record of records) {
      const match = /^([0-9a-f]{64}) [ *]([\s\S]+)$/.exec(record);
      const path = parseRelPath(match?.[2] ?? "..");
      if (match?.[1] === undefined || !path.ok) {
        throw malformed(`'${escapePath(record.slice(0, 200))}' is no digest record`);
      }
      this.#digests.set(path.value, match[1]);
    }
  }

  end(): ReadonlyMap<string, string> {
    if (this.#rest !== "") {
      throw malformed("the digests end in the middle of a record");
    }
    return this.#digests;
  }
}

function malformed(why: string): AppError {
  return new AppError("hostile", `Malformed listing of the written tree: ${why}`);
}
