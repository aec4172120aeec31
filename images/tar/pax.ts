/**
 * pax extended header records (POSIX.1-2001 pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`, LENGTH decimal and counting
 * the whole record. Keys and values are bytes, held as latin1 strings: values may hold anything, newlines and NUL too.
 */
import { err, ok, type Result } from "../../base/result.ts";
import type { Timestamp } from "../entry.ts";

export type PaxRecord = readonly [key: string, value: string];

/** Decodes the content of an extended header, latin1; at most `maxRecords` records. */
export function decodePax(content: string, maxRecords: number): Result<readonly PaxRecord[], string> {
  const records: PaxRecord[] = [];
  let offset = 0;
  while (offset < content.length) {
    let space = offset;
    let length = 0;
    for (
      let code = content.charCodeAt(space);
      code >= 0x30 && code <= 0x39;
      code = content.charCodeAt(space)
    ) {
      length = length * 10 + code - 0x30;
      space += 1;
    }
    if (length === 0 || space - offset > 10 || content[offset] === "0" || content[space] !== " ") {
      return err("pax record without a length");
    }
    const end = offset + length;
    const equals = content.indexOf("=", space);
    if (end > content.length || content[end - 1] !== "\n") {
      return err("pax record whose length lies");
    }
    if (equals < 0 || equals >= end || equals === space + 1) {
      return err("pax record without a key");
    }
    if (records.length >= maxRecords) {
      return err(`more than ${maxRecords} pax records`);
    }
    records.push([content.slice(space + 1, equals), content.slice(equals + 1, end - 1)]);
    offset = end;
  }
  return ok(records);
}

/** Encodes records; the length counts its own digits. */
export function encodePax(records: readonly PaxRecord[]): string {
  let content = "";
  for (const [key, value] of records) {
    const rest = key.length + value.length + 3;
    let length = rest + String(rest).length;
    if (rest + String(length).length !== length) {
      length = rest + String(length).length;
    }
    content += `${length} ${key}=${value}\n`;
  }
  return content;
}

/** Decodes a pax time: seconds with an optional fraction, of which nine digits are kept. `-1.5` is 1.5 s before 1970. */
export function decodePaxTime(value: string): Timestamp | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
  if (match === null) {
    return undefined;
  }
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") {
    return { seconds: whole, nanoseconds };
  }
  return nanoseconds === 0
    ? { seconds: whole === 0 ? 0 : -whole, nanoseconds: 0 }
    : { seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** The inverse of {@link decodePaxTime}, without trailing zeros. */
export function encodePaxTime(time: Timestamp): string {
  const negative = time.seconds < 0 && time.nanoseconds > 0;
  const seconds = negative ? time.seconds + 1 : time.seconds;
  const nanoseconds = negative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds;
  const sign = time.seconds < 0 ? "-" : "";
  const fraction = nanoseconds === 0 ? "" : `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
  return `${sign}${Math.abs(seconds)}${fraction}`;
}

/** True for records that an entry keeps as extended attributes. */
export function isExtendedKey(key: string): boolean {
  return (
    key.startsWith("SCHILY.xattr.") ||
    key === "SCHILY.acl.access" ||
    key === "SCHILY.acl.default" ||
    key === "RHT.security.selinux"
  );
}
