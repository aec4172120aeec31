/**
 * Paths inside a tree are bytes, because Linux names are bytes. They are held as *latin1 strings* (one character per
 * byte, U+0000 to U+00FF): that is lossless, compares bytewise with `<`, works as a map key, and costs one byte a
 * character in V8. Only two conversions exist: {@link pathToBytes} for system calls and wires, and {@link escapePath} for
 * people, JSON and logs.
 */
import type { Brand } from "./brand.ts";
import { fromLatin1, toLatin1 } from "./bytes.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * A path relative to a tree's root: `""` for the root itself, else components joined by `/`, none of them empty, `.` or
 * `..`, no NUL, no leading or trailing slash. One character per byte.
 */
export type RelPath = Brand<string, "RelPath">;

export const rootPath = "" as RelPath;

/** Parses path bytes. `./a/b`, `a/b/` and `.` (find's and tar's spellings) are accepted and normalised; `..`, absolute and NUL are errors. */
export function parseRelPath(path: Uint8Array | string): Result<RelPath, string> {
  const text = typeof path === "string" ? path : toLatin1(path);
  if (text.includes("\0")) {
    return err("path holds a NUL byte");
  }
  if (text.startsWith("/")) {
    return err("path is absolute");
  }
  const plain = text.startsWith("./") ? text.slice(2) : text;
  if (isNormal(plain)) {
    return ok(plain as RelPath);
  }
  const components: string[] = [];
  for (const component of text.split("/")) {
    if (component === "" || component === ".") {
      continue;
    }
    if (component === "..") {
      return err("path holds '..'");
    }
    components.push(component);
  }
  return ok(components.join("/") as RelPath);
}

/** True where no component is empty or starts with a dot and nothing is left to normalise: what nearly every path is. */
function isNormal(text: string): boolean {
  let previous = 0x2f;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (previous === 0x2f && (code === 0x2f || code === 0x2e)) {
      return false;
    }
    previous = code;
  }
  return previous !== 0x2f;
}

/** The path's bytes, as the kernel wants them. */
export function pathToBytes(path: RelPath): Uint8Array {
  return fromLatin1(path);
}

/** The directory that holds `path`; the root's parent is the root. */
export function parentPath(path: RelPath): RelPath {
  const slash = path.lastIndexOf("/");
  return (slash < 0 ? "" : path.slice(0, slash)) as RelPath;
}

/** The last component; `""` for the root. */
export function baseName(path: RelPath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Joins a directory and one component (which the caller has checked to be one). */
export function joinPath(directory: RelPath, name: string): RelPath {
  return (directory === "" ? name : `${directory}/${name}`) as RelPath;
}

/** True where `path` is `directory` or lies below it. */
export function isWithin(path: RelPath, directory: RelPath): boolean {
  return directory === "" || path === directory || path.startsWith(`${directory}/`);
}

/** Bytewise order: `"a" < "a-b" < "a/c"`. */
export function comparePaths(a: RelPath, b: RelPath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A reversible text form: printable ASCII stays, valid UTF-8 is shown as its characters, everything else (and backslash)
 * becomes `\xHH`. The form of paths in JSON, logs and messages.
 */
export function escapePath(path: string): string {
  let escaped = "";
  const bytes = fromLatin1(path);
  let i = 0;
  while (i < bytes.length) {
    const length = utf8Length(bytes, i);
    if (length > 1) {
      const character = new TextDecoder().decode(bytes.subarray(i, i + length));
      escaped += /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character)
        ? hexEscape(bytes.subarray(i, i + length))
        : character;
      i += length;
      continue;
    }
    const byte = bytes[i] as number;
    escaped +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : hexEscape(bytes.subarray(i, i + 1));
    i += 1;
  }
  return escaped;
}

/** The inverse of {@link escapePath}: text to a latin1 byte string. A backslash that starts no `\xHH` is an error. */
export function unescapePath(text: string): Result<string, string> {
  let bytes = "";
  for (let i = 0; i < text.length; ) {
    if (text[i] === "\\") {
      const hex = /^\\x([0-9a-fA-F]{2})/.exec(text.slice(i, i + 4));
      if (hex?.[1] === undefined) {
        return err(`backslash at ${i} is not followed by xHH`);
      }
      bytes += String.fromCharCode(Number.parseInt(hex[1], 16));
      i += 4;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(i) as number);
    bytes += toLatin1(new TextEncoder().encode(character));
    i += character.length;
  }
  return ok(bytes);
}

function hexEscape(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** Length of the valid multi-byte UTF-8 sequence at `at` (RFC 3629), or 1 where there is none. */
function utf8Length(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number;
  const length = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (length === 1 || lead > 0xf4 || at + length > bytes.length) {
    return 1;
  }
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 1;
  }
}
