/**
 * Entries as header blocks of GNU tar's own format, for tars that know no pax records: long names in members of their own, numbers in
 * base 256 where octal digits do not do, sparse maps in the header and the blocks behind it. Attributes and fractions of seconds have no
 * place in it.
 */
import { concatBytes, fromLatin1 } from "../../base/bytes.ts";
import type { FileEntry } from "../entry.ts";
import { maxOctal7, maxOctal11, memberName, typeflags } from "./encode.ts";
import { blockSize, paddingOf, putHeader, putSum, type UstarFields } from "./header.ts";
import type { SparseMap, SparseSegment } from "./sparse.ts";

/** `gnu` is what GNU tar wrote and read before 1.14; `busybox` is the same without sparse files. */
export type TarDialect = "gnu" | "busybox";

/** All blocks of a member before its data. A sparse file's data are its segments; for `busybox`, whoever calls fills the holes. */
export function encodeGnuMember(
  entry: FileEntry,
  options: { readonly dialect: TarDialect; readonly sparse?: SparseMap },
): Uint8Array {
  if (entry.kind === "socket") {
    throw new TypeError("A socket cannot be a tar member");
  }
  const sparse = options.dialect === "gnu" ? options.sparse : undefined;
  const name = memberName(entry);
  const linkname = entry.kind === "hardlink" || entry.kind === "symlink" ? entry.target : "";
  const device = entry.kind === "char-device" || entry.kind === "block-device";
  const whole = entry.kind === "file" ? entry.size : 0;
  const fields: UstarFields = {
    name,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: sparse === undefined ? whole : sparse.segments.reduce((sum, segment) => sum + segment.length, 0),
    mtime: entry.mtime.seconds,
    typeflag: sparse === undefined ? typeflags[entry.kind] : "S",
    linkname,
    major: device ? entry.major : 0,
    minor: device ? entry.minor : 0,
  };
  return concatBytes([
    ...(linkname.length > 100 ? [longText("K", linkname)] : []),
    ...(name.length > 100 ? [longText("L", name)] : []),
    header(fields, sparse),
    ...(sparse === undefined ? [] : extensionBlocks(sparse.segments)),
  ]);
}

/** A member that holds the name, or the link's text, of the one behind it. */
function longText(typeflag: "K" | "L", text: string): Uint8Array {
  const fields = { mode: 0o644, uid: 0, gid: 0, mtime: 0, linkname: "", major: 0, minor: 0 };
  const size = text.length + 1;
  return concatBytes([
    header({ ...fields, name: "././@LongLink", size, typeflag }, undefined),
    fromLatin1(`${text}\0`),
    new Uint8Array(paddingOf(size)),
  ]);
}

const headerSegments = 4;
const blockSegments = 21;

function header(fields: UstarFields, sparse: SparseMap | undefined): Uint8Array {
  const block = new Uint8Array(blockSize);
  putHeader(block, 0, fields);
  block.set(fromLatin1("ustar  \0"), 257);
  putLarge(block, { at: 108, length: 8, value: fields.uid, most: maxOctal7 });
  putLarge(block, { at: 116, length: 8, value: fields.gid, most: maxOctal7 });
  putLarge(block, { at: 124, length: 12, value: fields.size, most: maxOctal11 });
  putLarge(block, { at: 136, length: 12, value: fields.mtime, most: maxOctal11 });
  if (sparse !== undefined) {
    putSegments(block, 386, sparse.segments.slice(0, headerSegments));
    block[482] = sparse.segments.length > headerSegments ? 1 : 0;
    putNumber(block, 483, sparse.realSize);
  }
  putSum(block, 0);
  return block;
}

function extensionBlocks(segments: readonly SparseSegment[]): readonly Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let from = headerSegments; from < segments.length; from += blockSegments) {
    const block = new Uint8Array(blockSize);
    putSegments(block, 0, segments.slice(from, from + blockSegments));
    block[504] = from + blockSegments < segments.length ? 1 : 0;
    blocks.push(block);
  }
  return blocks;
}

function putSegments(block: Uint8Array, at: number, segments: readonly SparseSegment[]): void {
  for (const [index, { offset, length }] of segments.entries()) {
    putNumber(block, at + index * 24, offset);
    putNumber(block, at + index * 24 + 12, length);
  }
}

/** Twelve bytes: eleven octal digits, or base 256. */
function putNumber(block: Uint8Array, at: number, value: number): void {
  block.set(fromLatin1(`${(value % 8 ** 11).toString(8).padStart(11, "0")}\0`), at);
  putLarge(block, { at, length: 12, value, most: maxOctal11 });
}

/** A number that its octal digits do not hold, in two's complement with the top bit set. */
function putLarge(
  block: Uint8Array,
  field: { readonly at: number; readonly length: number; readonly value: number; readonly most: number },
): void {
  const { at, length, value, most } = field;
  if (value >= 0 && value <= most) {
    return;
  }
  let rest = value;
  for (let i = at + length - 1; i > at; i--) {
    block[i] = ((rest % 256) + 256) % 256;
    rest = Math.floor(rest / 256);
  }
  block[at] = value < 0 ? 0xff : 0x80;
}
