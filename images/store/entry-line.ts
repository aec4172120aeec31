/**
 * The text form of one entry in a manifest: a line of tab-separated fields, latin1 (one character per byte).
 *
 *     kind path mode uid gid mtime value place [over] extended...
 *
 * `place` says where the store keeps the entry, relative to the place before it in the same pack, so that a version whose
 * entries lie one after the other in a pack compresses to almost nothing. docs/image-format.md is the specification.
 */
import { ownText } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { EntryKind, ExtendedAttributes, FileEntry, Timestamp } from "../entry.ts";

/** One member of one of the manifest's packs. */
export interface MemberId {
  /** Index into the manifest's list of packs. */
  readonly pack: number;
  /** Ordinal of the member in that pack. */
  readonly member: number;
}

/** Where the store keeps an entry. */
export interface Place extends MemberId {
  /** True where the stored member is exactly this entry; false where only the content is the same. */
  readonly whole: boolean;
}

/** An entry of a version and what the store knows of it. */
export interface StoredEntry {
  /** Without a digest: that of a file's content is in the pack's index. */
  readonly entry: FileEntry;
  /** Absent for sockets, for empty files and for entries without content whose metadata no pack holds. */
  readonly place?: Place;
  /** Older members of this path that unpacking may write before this entry: it takes their place. */
  readonly over: readonly MemberId[];
}

const letters: Readonly<Record<EntryKind, string>> = {
  file: "f",
  directory: "d",
  symlink: "l",
  hardlink: "h",
  "char-device": "c",
  "block-device": "b",
  fifo: "p",
  socket: "s",
};
const kinds = new Map(Object.entries(letters).map(([kind, letter]) => [letter, kind as EntryKind]));

/** Encodes the entries of one manifest, in order. */
export class EntryLineEncoder {
  readonly #last: number[] = [];

  /** The line, its newline included. */
  encode(stored: StoredEntry): string {
    const { entry, place } = stored;
    const fields = [
      letters[entry.kind],
      escapeField(entry.path),
      entry.mode.toString(8),
      String(entry.uid),
      String(entry.gid),
      encodeTime(entry.mtime),
      valueField(entry),
      place === undefined ? "-" : `${place.whole ? "=" : "~"}${this.#step(place)}`,
      stored.over.map((member) => `${member.pack}:${member.member}`).join(","),
      entry.extended === undefined ? "?" : "",
    ];
    for (const [key, value] of entry.extended ?? []) {
      fields.push(`${escapeKey(key)}=${escapeField(value)}`);
    }
    return `${fields.join("\t")}\n`;
  }

  #step(place: Place): string {
    const step = place.member - (this.#last[place.pack] ?? -1);
    this.#last[place.pack] = place.member;
    return `${place.pack}+${step}`;
  }
}

/** Most files of a system have one of some hundred labels. */
const keptExtended = 4096;

/** Decodes the lines of one manifest, in order. */
export class EntryLineDecoder {
  readonly #last: number[] = [];
  /** Attributes by their text: entries that have the same share them. */
  readonly #extended = new Map<string, ExtendedAttributes>();

  /** Decodes a line without its newline. */
  decode(line: string): Result<StoredEntry, string> {
    const fields = line.split("\t");
    if (fields.length < 10) {
      return err("a manifest line has too few fields");
    }
    const [letter, path, mode, uid, gid, mtime] = fields as [string, string, string, string, string, string];
    const kind = kinds.get(letter);
    const time = decodeTime(mtime);
    if (kind === undefined || time === undefined || !/^[0-7]{1,4}$/.test(mode)) {
      return err("a manifest line has a wrong kind, mode or time");
    }
    const at = this.#place(fields[7] as string);
    const over = decodeMembers(fields[8] as string);
    if (at === null || over === undefined || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) {
      return err("a manifest line has a wrong owner or place");
    }
    const value = fields[6] as string;
    const base: Metadata = {
      path: unescapeField(path) as RelPath,
      mode: Number.parseInt(mode, 8),
      uid: Number(uid),
      gid: Number(gid),
      mtime: time,
      extended: fields[9] === "?" ? undefined : this.#extendedOf(fields),
    };
    const entry = kind === "file" ? fileOf(base, value) : withValue(kind, known(base), value);
    return entry === undefined
      ? err("a manifest line has a wrong value")
      : ok(at === undefined ? { entry, over } : { entry, over, place: at });
  }

  #extendedOf(fields: readonly string[]): ExtendedAttributes {
    if (fields.length === 10) {
      return none;
    }
    const text = fields.slice(10).join("\t");
    const known = this.#extended.get(text);
    if (known !== undefined) {
      return known;
    }
    const own = ownText(text);
    const extended = own.split("\t").map(decodePair);
    if (this.#extended.size < keptExtended) {
      this.#extended.set(own, extended);
    }
    return extended;
  }

  /** Undefined for none, null for a place that cannot be. */
  #place(text: string): Place | undefined | null {
    if (text === "-") {
      return undefined;
    }
    const match = /^([=~])(\d{1,6})\+(-?\d{1,10})$/.exec(text);
    if (match === null) {
      return null;
    }
    const pack = Number(match[2]);
    const member = (this.#last[pack] ?? -1) + Number(match[3]);
    if (member < 0) {
      return null;
    }
    this.#last[pack] = member;
    return { whole: match[1] === "=", pack, member };
  }
}

function valueField(entry: FileEntry): string {
  switch (entry.kind) {
    case "file":
      return String(entry.size);
    case "symlink":
    case "hardlink":
      return escapeField(entry.target);
    case "char-device":
    case "block-device":
      return `${entry.major}:${entry.minor}`;
    case "directory":
    case "fifo":
    case "socket":
      return "";
  }
}

interface Metadata extends Omit<FileEntry, "kind" | "extended"> {
  readonly extended: ExtendedAttributes | undefined;
}

const none: ExtendedAttributes = [];

/** Written out field by field: nearly every line comes here, and a spread costs more than all the rest. */
function fileOf(base: Metadata, value: string): FileEntry | undefined {
  const { path, mode, uid, gid, mtime, extended } = base;
  const size = Number(value);
  if (value === "" || !isCount(size)) {
    return undefined;
  }
  return extended === undefined
    ? { kind: "file", path, mode, uid, gid, mtime, size }
    : { kind: "file", path, mode, uid, gid, mtime, extended, size };
}

function known(base: Metadata): Omit<FileEntry, "kind"> {
  const { extended, ...bare } = base;
  return extended === undefined ? bare : { ...bare, extended };
}

function withValue(
  kind: Exclude<EntryKind, "file">,
  base: Omit<FileEntry, "kind">,
  value: string,
): FileEntry | undefined {
  switch (kind) {
    case "symlink":
      return { ...base, kind, target: unescapeField(value) };
    case "hardlink":
      return { ...base, kind, target: unescapeField(value) as RelPath };
    case "char-device":
    case "block-device": {
      const match = /^(\d{1,10}):(\d{1,10})$/.exec(value);
      return match === null ? undefined : { ...base, kind, major: Number(match[1]), minor: Number(match[2]) };
    }
    case "directory":
    case "fifo":
    case "socket":
      return value === "" ? { ...base, kind } : undefined;
  }
}

/** `SECONDS` or `SECONDS.NNNNNNNNN`; seconds may be negative, the nanoseconds always count upwards. */
export function encodeTime(time: Timestamp): string {
  return time.nanoseconds === 0
    ? String(time.seconds)
    : `${time.seconds}.${String(time.nanoseconds).padStart(9, "0")}`;
}

export function decodeTime(text: string): Timestamp | undefined {
  const match = /^(-?\d{1,16})(?:\.(\d{9}))?$/.exec(text);
  return match === null ? undefined : { seconds: Number(match[1]), nanoseconds: Number(match[2] ?? 0) };
}

function decodeMembers(text: string): readonly MemberId[] | undefined {
  if (text === "") {
    return [];
  }
  if (!/^\d{1,6}:\d{1,10}(,\d{1,6}:\d{1,10})*$/.test(text)) {
    return undefined;
  }
  return text.split(",").map((item) => {
    const [pack, member] = item.split(":");
    return { pack: Number(pack), member: Number(member) };
  });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

const unescaped: Readonly<Record<string, string>> = { t: "\t", n: "\n", e: "=" };

const plain = /^[^\t\n\\]*$/;

function escapeField(text: string): string {
  return plain.test(text)
    ? text
    : text.replace(/[\t\n\\]/g, (character) =>
        character === "\t" ? "\\t" : character === "\n" ? "\\n" : "\\\\",
      );
}

function unescapeField(text: string): string {
  return text.includes("\\")
    ? text.replace(/\\(.)/g, (_, character: string) => unescaped[character] ?? character)
    : text;
}

function escapeKey(key: string): string {
  return escapeField(key).replaceAll("=", "\\e");
}

function decodePair(field: string): readonly [string, string] {
  const at = field.indexOf("=");
  const key = at < 0 ? field : field.slice(0, at);
  return [unescapeField(key), at < 0 ? "" : unescapeField(field.slice(at + 1))];
}
