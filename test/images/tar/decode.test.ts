import { describe, expect, it } from "vitest";
import { concatBytes, fromLatin1, toLatin1 } from "../../../base/bytes.ts";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { TarDecoder } from "../../../images/tar/decode.ts";
import { encodeMember, endOfArchive, memberPadding } from "../../../images/tar/encode.ts";
import type { TarEvent, TarLimits } from "../../../images/tar/events.ts";
import { putHeader, type UstarFields } from "../../../images/tar/header.ts";
import { encodePax } from "../../../images/tar/pax.ts";

const plain = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  typeflag: "0",
  linkname: "",
  major: 0,
  minor: 0,
};

function encodeHeader(fields: UstarFields): Uint8Array {
  const block = new Uint8Array(512);
  putHeader(block, 0, fields);
  return block;
}

function decode(bytes: Uint8Array, limits: Partial<TarLimits> = {}): TarEvent[] | string {
  const decoder = new TarDecoder(limits === undefined ? {} : { limits });
  const events: TarEvent[] = [];
  for (let at = 0; at < bytes.length; at += 700) {
    const batch = decoder.write(bytes.subarray(at, at + 700));
    if (!batch.ok) {
      return `${batch.error.member ?? "?"}: ${batch.error.message}`;
    }
    events.push(...batch.value);
  }
  const end = decoder.end();
  return end.ok ? events : end.error.message;
}

function pax(records: readonly (readonly [string, string])[]): Uint8Array {
  const content = fromLatin1(encodePax(records));
  return concatBytes([
    encodeHeader({ ...plain, name: "x", typeflag: "x", size: content.length }),
    content,
    memberPadding(content.length),
  ]);
}

function entriesOf(bytes: Uint8Array): FileEntry[] {
  const events = decode(bytes);
  if (typeof events === "string") {
    throw new Error(events);
  }
  return events.flatMap((event) => (event.kind === "entry" ? [event.entry] : []));
}

const base = {
  path: "p" as RelPath,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanoseconds: 0 },
  extended: [],
};

describe("TarDecoder", () => {
  const entries: Record<string, FileEntry> = {
    "a non-UTF-8 name": { ...base, kind: "file", size: 0, path: "f\xff\xfeo" as RelPath },
    "a name with a newline": { ...base, kind: "fifo", path: "a\nb" as RelPath },
    "a path of 5000 bytes": {
      ...base,
      kind: "directory",
      path: `${"d".repeat(200)}/`.repeat(24).concat("end") as RelPath,
    },
    "a link text of 300 bytes": { ...base, kind: "symlink", target: "t".repeat(300) },
    "an mtime before 1970": { ...base, kind: "fifo", mtime: { seconds: -5, nanoseconds: 250_000_000 } },
    "an mtime in 2243": { ...base, kind: "fifo", mtime: { seconds: 8_600_000_000, nanoseconds: 1 } },
    "a uid over 2^21": { ...base, kind: "directory", uid: 3_000_000_000, gid: 4_294_967_295 },
    "an xattr with NUL, newline and =": {
      ...base,
      kind: "file",
      size: 0,
      extended: [["SCHILY.xattr.user.bin", "\0=\n\xff"]],
    },
    "a device": { ...base, kind: "char-device", major: 250, minor: 70000 },
    "a hard link": { ...base, kind: "hardlink", target: "other/name" as RelPath },
  };
  it.each(Object.entries(entries))("reads back %s", (_name, entry) => {
    expect(entriesOf(concatBytes([encodeMember(entry), endOfArchive]))).toEqual([entry]);
  });

  it("reads sizes over 8 GiB from base-256 numbers and from pax", () => {
    const big: FileEntry = { ...base, kind: "file", size: 9 * 2 ** 30 };
    const decoder = new TarDecoder();
    const events = decoder.write(encodeMember(big));

    expect(events.ok && events.value).toEqual([{ kind: "entry", entry: big, dataLength: 9 * 2 ** 30 }]);
    const block = encodeHeader({ ...plain, name: "p", mtime: 1 });
    block.set([0x80, 0, 0, 0, 0, 0, 0, 2, 0x40, 0, 0, 0], 124);
    fixSum(block);
    const second = new TarDecoder().write(block);
    expect(second.ok && second.value[0]).toEqual({ kind: "entry", entry: big, dataLength: 9 * 2 ** 30 });
  });

  it("reads back a sparse file", () => {
    const entry: FileEntry = { ...base, kind: "file", size: 1_000_000 };
    const sparse = {
      realSize: 1_000_000,
      segments: [
        { offset: 4096, length: 3 },
        { offset: 1_000_000, length: 0 },
      ],
    };
    const bytes = concatBytes([
      encodeMember(entry, { sparse }),
      fromLatin1("abc"),
      memberPadding(3),
      endOfArchive,
    ]);

    const events = decode(bytes) as TarEvent[];

    expect(events[0]).toEqual({ kind: "entry", entry, dataLength: 3, sparse });
    expect(events.flatMap((event) => (event.kind === "data" ? [toLatin1(event.bytes)] : [])).join("")).toBe(
      "abc",
    );
  });

  const hostile: Record<string, [Uint8Array, RegExp]> = {
    "a name with ..": [
      encodeHeader({ ...plain, name: "a/../../etc/passwd" }),
      /etc\/passwd: name is refused/,
    ],
    "an absolute name": [encodeHeader({ ...plain, name: "/etc/passwd" }), /absolute/],
    "a pax name with NUL": [
      concatBytes([pax([["path", "a\0b"]]), encodeHeader({ ...plain, name: "a" })]),
      /NUL/,
    ],
    "a hard link to the outside": [
      encodeHeader({ ...plain, name: "a", typeflag: "1", linkname: "../x" }),
      /a: hard link/,
    ],
    "a directory with content": [
      encodeHeader({ ...plain, name: "a", typeflag: "5", size: 5 }),
      /a: directory with 5 bytes/,
    ],
    "an unknown type": [encodeHeader({ ...plain, name: "a", typeflag: "M" }), /unknown type/],
    "a wrong checksum": [encodeHeader({ ...plain, name: "a" }).fill(0x41, 0, 3), /checksum/],
    "a pax header of 100 MB": [
      encodeHeader({ ...plain, name: "a", typeflag: "x", size: 1e8 }),
      /extended header of/,
    ],
    "a pax record whose length lies": [
      concatBytes([
        encodeHeader({ ...plain, name: "x", typeflag: "x", size: 12 }),
        fromLatin1("99 path=abc\n"),
        memberPadding(12),
      ]),
      /length lies/,
    ],
    "pax headers without end": [
      concatBytes(Array.from({ length: 20 }, () => pax([["comment", "x"]]))),
      /in a row/,
    ],
    "a global record that renames every member": [
      concatBytes([
        encodeHeader({ ...plain, name: "g", typeflag: "g", size: 10 }),
        fromLatin1("10 path=x\n"),
        memberPadding(10),
      ]),
      /every member/,
    ],
    "too many xattrs": [
      concatBytes([
        pax(Array.from({ length: 9000 }, (_, i) => [`SCHILY.xattr.user.${i}`, ""] as const)),
        encodeHeader({ ...plain, name: "a" }),
      ]),
      /more than 8192 pax records/,
    ],
    "a sparse map that does not match its data": [
      concatBytes([
        pax([
          ["GNU.sparse.map", "0,5"],
          ["GNU.sparse.size", "9"],
        ]),
        encodeHeader({ ...plain, name: "a", size: 4 }),
      ]),
      /does not match/,
    ],
    "a sparse map beyond the file": [
      concatBytes([
        pax([
          ["GNU.sparse.map", "8,4"],
          ["GNU.sparse.size", "9"],
        ]),
        encodeHeader({ ...plain, name: "a", size: 4 }),
      ]),
      /beyond/,
    ],
    "an archive that ends in a member": [
      encodeHeader({ ...plain, name: "a", size: 4 }),
      /ends in the middle/,
    ],
  };
  it.each(Object.entries(hostile))("refuses %s", (_name, [bytes, message]) => {
    expect(decode(bytes)).toMatch(message);
  });
});

function fixSum(block: Uint8Array): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(fromLatin1(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}
