/**
 * One 512-byte header block of a tar archive (POSIX.1-2001 ustar, with GNU's base-256 numbers). Text fields are latin1
 * strings: one character per byte, cut at the first NUL.
 *
 *     0 name[100] | 100 mode[8] | 108 uid[8] | 116 gid[8] | 124 size[12] | 136 mtime[12] | 148 chksum[8] | 156 typeflag
 *     157 linkname[100] | 257 magic[6] version[2] | 265 uname[32] | 297 gname[32] | 329 devmajor[8] | 337 devminor[8]
 *     345 prefix[155] (ustar) or atime[12] ctime[12] offset[12] longnames[4] unused[1] sparse[96] … (old GNU)
 */
import { latin1At } from "../../base/bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";

export const blockSize = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** One character; NUL reads as `0`. */
  readonly typeflag: string;
  readonly linkname: string;
  readonly major: number;
  readonly minor: number;
  readonly format: "ustar" | "gnu" | "v7";
}

/** True for a block of zeros: two of them end an archive. */
export function isZeroBlock(bytes: Uint8Array, at = 0): boolean {
  for (let i = at; i < at + blockSize; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}

/** True where the block that starts at `at` has the sum that its field says. */
export function hasValidSum(bytes: Uint8Array, at: number): boolean {
  return octal(bytes, at + 148, 8) === checksum(bytes, at);
}

/** Decodes the block that starts at `at` and checks its sum. */
export function decodeHeader(bytes: Uint8Array, at = 0): Result<TarHeader, string> {
  const wanted = octal(bytes, at + 148, 8);
  const sum = checksum(bytes, at);
  if (wanted !== sum) {
    return err(`header checksum is ${wanted ?? "no number"}, not ${sum}`);
  }
  const format = formatOf(bytes, at + 257);
  const prefix = format === "ustar" ? text(bytes, at + 345, 155) : "";
  const name = text(bytes, at, 100);
  const mode = number(bytes, at + 100, 8);
  const uid = number(bytes, at + 108, 8);
  const gid = number(bytes, at + 116, 8);
  const size = number(bytes, at + 124, 12);
  const mtime = number(bytes, at + 136, 12);
  if (!(isCount(mode) && isCount(uid) && isCount(gid) && isCount(size)) || mtime === undefined) {
    const wrong = [mode, uid, gid, size, mtime].findIndex((value) => !isCount(value));
    return err(`header field ${["mode", "uid", "gid", "size", "mtime"][wrong]} is no number`);
  }
  return ok({
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode,
    uid,
    gid,
    size,
    mtime,
    typeflag: bytes[at + 156] === 0 ? "0" : String.fromCharCode(bytes[at + 156] as number),
    linkname: text(bytes, at + 157, 100),
    major: number(bytes, at + 329, 8) ?? 0,
    minor: number(bytes, at + 337, 8) ?? 0,
    format,
  });
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && value >= 0;
}

/** The magic: `ustar` and NUL by POSIX, `ustar` and two spaces by old GNU. */
function formatOf(bytes: Uint8Array, at: number): TarHeader["format"] {
  for (let i = 0; i < 5; i++) {
    if (bytes[at + i] !== "ustar".charCodeAt(i)) {
      return "v7";
    }
  }
  return bytes[at + 5] === 0x20 && bytes[at + 6] === 0x20 ? "gnu" : "ustar";
}

/** What fits a ustar block; everything larger goes into pax records first (see encode.ts). */
export interface UstarFields {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly typeflag: string;
  readonly linkname: string;
  readonly major: number;
  readonly minor: number;
}

/**
 * Writes a ustar block into `block`, which must be zeros there. Numbers that do not fit their octal field are written as their
 * remainder: a pax record must carry them. The sum is counted while the fields are written; zeros add nothing.
 */
export function putHeader(block: Uint8Array, at: number, fields: UstarFields): void {
  let sum = 8 * 32 + ustarSum;
  sum += putText(block, at, { value: fields.name, length: 100 });
  sum += putOctal(block, at + 100, { digits: 7, value: fields.mode });
  sum += putOctal(block, at + 108, { digits: 7, value: fields.uid });
  sum += putOctal(block, at + 116, { digits: 7, value: fields.gid });
  sum += putOctal(block, at + 124, { digits: 11, value: fields.size });
  sum += putOctal(block, at + 136, { digits: 11, value: Math.max(0, fields.mtime) });
  sum += putText(block, at + 156, { value: fields.typeflag, length: 1 });
  sum += putText(block, at + 157, { value: fields.linkname, length: 100 });
  putText(block, at + 257, { value: "ustar\x0000", length: 8 });
  sum += putOctal(block, at + 329, { digits: 7, value: fields.major });
  sum += putOctal(block, at + 337, { digits: 7, value: fields.minor });
  putOctal(block, at + 148, { digits: 6, value: sum });
  block[at + 155] = 0x20;
}

/** Writes the sum of the header that starts at `at` anew, after fields of it were changed. */
export function putSum(block: Uint8Array, at: number): void {
  putOctal(block, at + 148, { digits: 6, value: checksum(block, at) });
}

/** The sum of the magic and version, `ustar` NUL `00`. */
const ustarSum = 0x75 + 0x73 + 0x74 + 0x61 + 0x72 + 0x30 + 0x30;

/** Bytes of zeros that follow content of `size` bytes up to the next block. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** The sum of all bytes, the checksum field itself taken as spaces. */
function checksum(bytes: Uint8Array, at: number): number {
  let sum = 8 * 32;
  for (let i = at; i < at + 148; i++) {
    sum += bytes[i] as number;
  }
  for (let i = at + 156; i < at + blockSize; i++) {
    sum += bytes[i] as number;
  }
  return sum;
}

function text(bytes: Uint8Array, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && bytes[end] !== 0) {
    end += 1;
  }
  return end === offset ? "" : latin1At(bytes, offset, end);
}

/** An octal or, with the top bit set, a base-256 two's complement number; empty is 0. */
export function number(block: Uint8Array, offset: number, length: number): number | undefined {
  const lead = block[offset] as number;
  if ((lead & 0x80) === 0) {
    return octal(block, offset, length);
  }
  const negative = (lead & 0x40) !== 0;
  let value = negative ? (lead & 0x7f) - 0x80 : lead & 0x3f;
  for (let i = 1; i < length; i++) {
    value = value * 256 + (block[offset + i] as number);
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

function octal(block: Uint8Array, offset: number, length: number): number | undefined {
  let i = offset;
  const end = offset + length;
  while (i < end && block[i] === 0x20) {
    i += 1;
  }
  let value = 0;
  for (; i < end; i++) {
    const byte = block[i] as number;
    if (byte === 0 || byte === 0x20) {
      break;
    }
    if (byte < 0x30 || byte > 0x37) {
      return undefined;
    }
    value = value * 8 + byte - 0x30;
  }
  return value;
}

/** Writes at most `length` characters; returns the sum of what was written. */
function putText(
  block: Uint8Array,
  offset: number,
  field: { readonly value: string; readonly length: number },
): number {
  const { value } = field;
  const end = Math.min(value.length, field.length);
  let sum = 0;
  for (let i = 0; i < end; i++) {
    const code = value.charCodeAt(i);
    block[offset + i] = code;
    sum += code;
  }
  return sum;
}

/** Writes octal digits with zeros before them; returns the sum of what was written. */
function putOctal(
  block: Uint8Array,
  offset: number,
  field: { readonly digits: number; readonly value: number },
): number {
  let rest = field.value;
  let sum = 0;
  for (let i = offset + field.digits - 1; i >= offset; i--) {
    const digit = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
    block[i] = digit;
    sum += digit;
  }
  return sum;
}
