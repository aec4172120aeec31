/**
 * The "newc" cpio format, which is what the kernel unpacks as its initial file system (Documentation/driver-api/early-userspace/buffer-format.rst):
 *
 *     070701 ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check   (13 x 8 hex digits)
 *     name NUL, zeros to a multiple of 4, data, zeros to a multiple of 4
 *
 * The last member is called TRAILER!!!. What is written is reproducible: no times, no owners, numbers given in order.
 */
import { concatBytes, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import { escapePath, parseRelPath, pathToBytes, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";

export type RamdiskEntry =
  | { readonly kind: "directory"; readonly path: RelPath; readonly mode: number }
  | { readonly kind: "file"; readonly path: RelPath; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: "symlink"; readonly path: RelPath; readonly target: string }
  | {
      readonly kind: "character-device";
      readonly path: RelPath;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const magic = "070701";
const headerLength = 6 + 13 * 8;
const trailerName = "TRAILER!!!";
const fileTypes = { directory: 0o040000, file: 0o100000, symlink: 0o120000, "character-device": 0o020000 };
const emptyData = new Uint8Array(0);

/** Encodes the archive piece by piece, in the given order, with its trailer, padded to 512 bytes. */
export function* encodeCpio(entries: Iterable<RamdiskEntry>): Generator<Uint8Array> {
  let length = 0;
  let inode = 0;
  for (const entry of entries) {
    inode += 1;
    for (const piece of encodeMember(entry, inode)) {
      length += piece.length;
      yield piece;
    }
  }
  const trailer = header({
    inode: 0,
    mode: 0,
    links: 1,
    size: 0,
    major: 0,
    minor: 0,
    name: fromLatin1(trailerName),
  });
  yield trailer;
  length += trailer.length;
  yield new Uint8Array((512 - (length % 512)) % 512);
}

/** Decodes a whole archive; times, owners and inode numbers are dropped, hard links come as separate files. */
export function decodeCpio(archive: Uint8Array): Result<readonly RamdiskEntry[], string> {
  const entries: RamdiskEntry[] = [];
  let offset = 0;
  for (;;) {
    const fields = readHeader(archive, offset);
    if (!fields.ok) {
      return fields;
    }
    const { nameEnd, dataStart, dataEnd, mode, major, minor } = fields.value;
    const name = toLatin1(archive.subarray(offset + headerLength, nameEnd));
    if (name === trailerName) {
      return ok(entries);
    }
    const path = parseRelPath(name);
    if (!path.ok || path.value !== name) {
      return err(`member name '${escapePath(name)}' at ${offset} is not a plain relative path`);
    }
    const entry = toEntry(path.value, { mode, major, minor, data: archive.subarray(dataStart, dataEnd) });
    if (entry === undefined) {
      return err(`member '${escapePath(name)}' at ${offset} has the unsupported mode ${mode.toString(8)}`);
    }
    entries.push(entry);
    offset = align4(dataEnd);
  }
}

function* encodeMember(entry: RamdiskEntry, inode: number): Generator<Uint8Array> {
  const data =
    entry.kind === "file" ? entry.data : entry.kind === "symlink" ? fromLatin1(entry.target) : emptyData;
  const device = entry.kind === "character-device" ? entry : { major: 0, minor: 0 };
  yield header({
    inode,
    mode: fileTypes[entry.kind] | (entry.kind === "symlink" ? 0o777 : entry.mode),
    links: entry.kind === "directory" ? 2 : 1,
    size: data.length,
    major: device.major,
    minor: device.minor,
    name: pathToBytes(entry.path),
  });
  yield data;
  yield new Uint8Array(align4(data.length) - data.length);
}

function header(fields: {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
  readonly name: Uint8Array;
}): Uint8Array {
  const { inode, mode, links, size, major, minor, name } = fields;
  const numbers = [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name.length + 1, 0];
  const text = magic + numbers.map((value) => value.toString(16).padStart(8, "0")).join("");
  const length = headerLength + name.length + 1;
  return concatBytes([fromLatin1(text), name, new Uint8Array(1 + align4(length) - length)]);
}

interface MemberFields {
  readonly nameEnd: number;
  readonly dataStart: number;
  readonly dataEnd: number;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

function readHeader(archive: Uint8Array, offset: number): Result<MemberFields, string> {
  const text = toLatin1(archive.subarray(offset, offset + headerLength));
  if (!/^070701[0-9a-fA-F]{104}$/.test(text)) {
    return err(`no newc header at ${offset}`);
  }
  const field = (index: number): number => Number.parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
  const nameEnd = offset + headerLength + field(11) - 1;
  const dataStart = align4(nameEnd + 1);
  const dataEnd = dataStart + field(6);
  if (field(11) < 2 || nameEnd >= archive.length || dataEnd > archive.length || archive[nameEnd] !== 0) {
    return err(`member at ${offset} runs over the end of the archive`);
  }
  return ok({ nameEnd, dataStart, dataEnd, mode: field(1), major: field(9), minor: field(10) });
}

function toEntry(
  path: RelPath,
  fields: {
    readonly mode: number;
    readonly major: number;
    readonly minor: number;
    readonly data: Uint8Array;
  },
): RamdiskEntry | undefined {
  const mode = fields.mode & 0o7777;
  switch (fields.mode & 0o170000) {
    case fileTypes.directory:
      return { kind: "directory", path, mode };
    case fileTypes.file:
      return { kind: "file", path, mode, data: fields.data };
    case fileTypes.symlink:
      return { kind: "symlink", path, target: toLatin1(fields.data) };
    case fileTypes["character-device"]:
      return { kind: "character-device", path, mode, major: fields.major, minor: fields.minor };
    default:
      return undefined;
  }
}

function align4(length: number): number {
  return (length + 3) & ~3;
}
