import { describe, expect, it } from "vitest";
import { fromLatin1 } from "../../../base/bytes.ts";
import type { RelPath } from "../../../base/path-bytes.ts";
import { ListingDecoder, listCommand } from "../../../images/sync/listing.ts";

function decode(text: string, limits = {}) {
  const decoder = new ListingDecoder(limits);
  const entries = decoder.write(fromLatin1(text));
  const end = decoder.end();
  return entries.ok && end.ok
    ? entries.value
    : ((entries.ok ? end : entries) as { error: { message: string } }).error.message;
}

describe("ListingDecoder", () => {
  it("reads the usual record as it reads an unusual one that says the same", () => {
    // A time without a fraction takes the other way through the decoder.
    const usual = "f 4755 1000 50 123456 248 1700000000.0000000000 1700000001.0000000000 2049:77 2\0\0a/b\0";
    const unusual = usual.replaceAll(".0000000000", "");

    expect(decode(`d 755 0 0 0 0 1.0 1.0 1:1 2\0\0a\0${usual}`)).toEqual(
      decode(`d 755 0 0 0 0 1 1 1:1 2\0\0a\0${unusual}`),
    );
    expect(decode(usual.replace("1700000000.0", "1700000000.123456789"))).toMatchObject([
      { entry: { mtime: { seconds: 1700000000, nanoseconds: 123456789 } } },
    ]);
  });

  it("reads a file, a link, and a device whose number comes later", () => {
    const text =
      "f 4755 1 2 5 8 -1.5000000000 9.25 7:8 3\0\0a b\0l 777 0 0 1 0 1 1 7:9 1\0to\xff\0l\0c 600 0 0 0 0 1 1 7:10 1\0\0n\0r 1 a\0\0./n\0";

    expect(decode(text)).toMatchObject([
      {
        entry: {
          kind: "file",
          path: "a b",
          mode: 0o4755,
          uid: 1,
          gid: 2,
          size: 5,
          mtime: { seconds: -1, nanoseconds: 5e8 },
        },
        ctime: { seconds: 9, nanoseconds: 25e7 },
        inode: "7:8",
        linkCount: 3,
        allocated: 4096,
      },
      { entry: { kind: "symlink", path: "l", target: "to\xff" } },
      { entry: { kind: "char-device", path: "n", major: 1, minor: 10 } },
    ]);
  });

  it.each([
    ["a path with ..", "f 644 0 0 5 8 1 1 7:8 1\0\0a/../b\0", "path holds '..'"],
    ["too few fields", "f 644 0 0 5 8 1 1 7:8\0\0a\0", "listing record that is none of find's"],
    [
      "an owner beyond 32 bits",
      "f 644 4294967296 0 5 8 1 1 7:8 1\0\0a\0",
      "listing record that is none of find's",
    ],
    ["a root that is a file", "f 644 0 0 5 8 1 1 7:8 1\0\0\0", "listing record that is none of find's"],
    ["a number for no device", "r 1 2\0\0a\0", "device number is no number"],
    ["a record that is cut", "f 644", "listing ends in the middle of a record"],
  ])("refuses %s", (_what, text, message) => {
    expect(decode(text)).toBe(message);
  });

  it("refuses more entries and longer records than its limits", () => {
    const record = "f 644 0 0 5 8 1 1 7:8 1\0\0a\0";

    expect(decode(record + record, { maxEntries: 1 })).toBe("more than 1 entries");
    expect(decode("x".repeat(101), { maxRecordBytes: 100 })).toBe("listing record of over 100 bytes");
  });
});

describe("listCommand()", () => {
  it("quotes names and find's own wildcards", () => {
    const command = listCommand({ root: "/it's", prune: [{ path: "a[*" as RelPath, keep: "directory" }] });

    expect(command).toContain("cd '/it'\\''s'");
    expect(command).toContain("'./a\\[\\*'");
  });
});
