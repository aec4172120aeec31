/**
 * Looks whether the headers of a member are, field by field, those of a file that is known already: then there is nothing in
 * them to decode, and they can be handed on as they are. Nearly every member of a capture is such a file.
 */
import type { FileEntryRegular } from "../entry.ts";
import { blockSize, hasValidSum } from "./header.ts";
import { encodePax, encodePaxTime } from "./pax.ts";

const maxOctal11 = 8 ** 11 - 1;
const ustar = [0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30] as const;

/**
 * Length of the header blocks at `at` if they are those of `file`, under the name `./PATH` and with no more pax records than
 * its time needs; 0 where they are anything else, or not wholly in `bytes`. All that GNU tar looks at in a regular file's
 * headers is compared; owners' names, the link's and the device's fields it does not use for one.
 */
export function expectedHeaders(bytes: Uint8Array, at: number, file: FileEntryRegular): number {
  const { seconds, nanoseconds } = file.mtime;
  const whole = nanoseconds === 0 && seconds >= 0 && seconds <= maxOctal11;
  if (whole) {
    return isFileHeader(bytes, at, file) ? blockSize : 0;
  }
  const record = encodePax([["mtime", encodePaxTime(file.mtime)]]);
  return isPaxHeader(bytes, at, record) && isFileHeader(bytes, at + 2 * blockSize, file) ? 3 * blockSize : 0;
}

function isPaxHeader(bytes: Uint8Array, at: number, record: string): boolean {
  return (
    bytes.length - at >= 2 * blockSize &&
    bytes[at + 156] === 0x78 &&
    isUstar(bytes, at) &&
    isOctal(bytes, at + 124, { digits: 11, value: record.length }) &&
    isText(bytes, at + blockSize, record) &&
    hasValidSum(bytes, at)
  );
}

function isFileHeader(bytes: Uint8Array, at: number, file: FileEntryRegular): boolean {
  const { path, mode, uid, gid, size, mtime } = file;
  // A name of a hundred bytes fills its field, without an end; a longer one has a record of its own.
  const end = path.length + 2;
  return (
    bytes.length - at >= blockSize &&
    end < 100 &&
    bytes[at] === 0x2e &&
    bytes[at + 1] === 0x2f &&
    isText(bytes, at + 2, path) &&
    bytes[at + end] === 0 &&
    bytes[at + 156] === 0x30 &&
    isUstar(bytes, at) &&
    bytes[at + 345] === 0 &&
    isOctal(bytes, at + 100, { digits: 7, value: mode }) &&
    isOctal(bytes, at + 108, { digits: 7, value: uid }) &&
    isOctal(bytes, at + 116, { digits: 7, value: gid }) &&
    isOctal(bytes, at + 124, { digits: 11, value: size }) &&
    (mtime.seconds < 0 ||
      mtime.seconds > maxOctal11 ||
      isOctal(bytes, at + 136, { digits: 11, value: mtime.seconds })) &&
    hasValidSum(bytes, at)
  );
}

function isUstar(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < ustar.length; i++) {
    if (bytes[at + 257 + i] !== ustar[i]) {
      return false;
    }
  }
  return true;
}

function isText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) {
      return false;
    }
  }
  return true;
}

/** Whether a field holds just these octal digits, zeros before them and a NUL behind. */
function isOctal(
  bytes: Uint8Array,
  at: number,
  field: { readonly digits: number; readonly value: number },
): boolean {
  let rest = field.value;
  for (let i = at + field.digits - 1; i >= at; i--) {
    if (bytes[i] !== 0x30 + (rest % 8)) {
      return false;
    }
    rest = Math.floor(rest / 8);
  }
  return rest === 0 && bytes[at + field.digits] === 0;
}
