/**
 * The listing of a tree on a machine whose find prints names alone (busybox): its stat says the rest. A name may hold anything, and
 * that stat ends a record with a newline, so what parts the records is a word of 32 random digits that the machine makes up:
 *
 *     WORD  { "\n" WORD "f " FACTS WORD "n" NAME WORD "l" 'NAME' -> 'TARGET' }  "\n" WORD "e " CODES "\n"
 *
 * The last record tells how find and xargs ended; without it the listing was cut short.
 */
import { toLatin1 } from "../../base/bytes.ts";
import { escapePath, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { type ShellText, sh, trustedShell } from "../../base/posix-quote.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { FileEntry, ListedEntry, Timestamp } from "../entry.ts";
import { findWords, type ListingLimits, type ListingProblem, type ListOptions } from "./listing.ts";

/** Raw mode, owner, group, size, blocks, mtime twice (the second has the fraction), ctime twice, device:inode, links, device number. */
const format = "f %f %u %g %s %b %Y %y %Z %z %d:%i %h %t:%T ";

/** The shell command whose standard output {@link StatListingDecoder} reads. Its exit codes are find's. */
export function statListCommand(options: ListOptions): ShellText {
  const find = sh`find . ${{ raw: findWords(options, trustedShell("-print0")) }}-print0`;
  // find's code and that of xargs come by way of descriptor 4, the records by 3: a pipe has only one code.
  return sh`cd ${options.root} || exit 2
LC_ALL=C TZ=UTC0
export LC_ALL TZ
word=$(dd if=/dev/urandom bs=16 count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \\n')
[ "\${#word}" = 32 ] || exit 2
printf '%s\\n' "$word"
exec 3>&1
codes=$({ { ${{ raw: find }}; echo $? >&4; } |
  xargs -0 -r stat -c "\${word}${{ raw: trustedShell(format) }}\${word}n%n\${word}l%N" >&3 4>&-; echo $? >&4; } 4>&1)
printf '%se %s\\n' "$word" "$(echo $codes)"
case $codes in
  0*0) ;;
  *) exit 1 ;;
esac
`;
}

const defaultLimits: ListingLimits = { maxEntries: 50_000_000, maxRecordBytes: 1024 * 1024 };

/** Push decoder, as `ListingDecoder` is. After a problem it must not be used further. */
export class StatListingDecoder {
  readonly #limits: ListingLimits;
  #word = "";
  #rest = "";
  #count = 0;
  #ended = false;

  constructor(limits: Partial<ListingLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  write(chunk: Uint8Array): Result<readonly ListedEntry[], ListingProblem> {
    const entries: ListedEntry[] = [];
    this.#rest += toLatin1(chunk);
    if (this.#word === "") {
      const word = /^([0-9a-f]{32})\n/.exec(this.#rest)?.[1];
      if (word === undefined) {
        return this.#rest.length > 32 ? err({ message: "listing does not begin with its word" }) : ok([]);
      }
      this.#word = word;
      this.#rest = this.#rest.slice(32);
    }
    const boundary = `\n${this.#word}`;
    const parts = this.#rest.split(boundary);
    // What follows the last boundary may not be whole; what stands before the first is the end of the word's own line.
    this.#rest = parts.length > 1 ? boundary + (parts.pop() ?? "") : this.#rest;
    for (const part of parts.slice(1)) {
      const read = this.#record(part);
      if (!read.ok) {
        return read;
      }
      entries.push(read.value);
    }
    return this.#rest.length > this.#limits.maxRecordBytes
      ? err({ message: `listing record of over ${this.#limits.maxRecordBytes} bytes` })
      : ok(entries);
  }

  /** Tells whether the listing was whole. */
  end(): Result<readonly ListedEntry[], ListingProblem> {
    this.#ended = new RegExp(String.raw`^\n${this.#word}e [01] (?:0|123)\n$`).test(this.#rest);
    return this.#ended && this.#word !== ""
      ? ok([])
      : err({ message: "listing ends before its last record" });
  }

  #record(text: string): Result<ListedEntry, ListingProblem> {
    this.#count += 1;
    const [facts = "", name, link, ...more] = text.split(this.#word);
    const path = parseRelPath(name?.slice(1) ?? "");
    const problem = (message: string) => err({ message, path: escapePath((name ?? "").slice(1, 4097)) });
    if (!path.ok) {
      return problem(path.error);
    }
    if (this.#count > this.#limits.maxEntries) {
      return problem(`more than ${this.#limits.maxEntries} entries`);
    }
    const target = link === undefined ? "" : targetOf(link.slice(1), name?.slice(1) ?? "");
    const listed = more.length > 0 || link === undefined ? undefined : entryOf(facts, path.value, target);
    return listed === undefined ? problem("listing record that is none of stat's") : ok(listed);
  }
}

/** Behind the name between plain quotes and the arrow; "" of what is no link. */
function targetOf(shown: string, name: string): string {
  const before = `'${name}' -> '`;
  return shown.startsWith(before) && shown.endsWith("'") ? shown.slice(before.length, -1) : "";
}

const count = String.raw`(\d{1,15})`;
const stamp = String.raw`(-?\d{1,15}) \S+ [\d:]+(?:\.(\d{9}))?(?: \+0000)?`;
const factsShape = new RegExp(
  String.raw`^f ([0-9a-f]{1,8}) ${count} ${count} ${count} ${count} ${stamp} ${stamp} (\d+:\d+) ${count} ([0-9a-f]{1,8}):([0-9a-f]{1,8}) $`,
);

function entryOf(text: string, path: RelPath, link: string): ListedEntry | undefined {
  const match = factsShape.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, raw = "", uid, gid, size, blocks, m, mf, c, cf, inode = "", links, major = "", minor = ""] = match;
  const bits = Number.parseInt(raw, 16);
  const entry = kindOf(bits >> 12, {
    path,
    mode: bits & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    mtime: timeOf(m, mf),
    size: Number(size),
    link,
    major: Number.parseInt(major, 16),
    minor: Number.parseInt(minor, 16),
  });
  const words = [Number(uid), Number(gid), Number(links)];
  return entry === undefined || bits > 0xffff || words.some((value) => value > 0xffffffff)
    ? undefined
    : {
        entry,
        inode,
        linkCount: Number(links),
        ctime: timeOf(c, cf),
        allocated: Number(blocks) * 512,
      };
}

function timeOf(seconds: string | undefined, fraction: string | undefined): Timestamp {
  const whole = Number(seconds);
  return { seconds: whole === 0 ? 0 : whole, nanoseconds: Number(fraction ?? 0) };
}

interface StatFacts {
  readonly path: RelPath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  readonly size: number;
  readonly link: string;
  readonly major: number;
  readonly minor: number;
}

/** By the file type of stat(2). */
function kindOf(type: number, facts: StatFacts): FileEntry | undefined {
  const { path, mode, uid, gid, mtime, size, link, major, minor } = facts;
  const metadata = { path, mode, uid, gid, mtime };
  if (path === "" && type !== 0o04) {
    return undefined;
  }
  switch (type) {
    case 0o10:
      return { kind: "file", ...metadata, size };
    case 0o04:
      return { kind: "directory", ...metadata };
    case 0o12:
      return link === "" ? undefined : { kind: "symlink", ...metadata, target: link };
    case 0o02:
      return { kind: "char-device", ...metadata, major, minor };
    case 0o06:
      return { kind: "block-device", ...metadata, major, minor };
    case 0o01:
      return { kind: "fifo", ...metadata };
    case 0o14:
      return { kind: "socket", ...metadata };
    default:
      return undefined;
  }
}
