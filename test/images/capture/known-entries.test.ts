import { describe, expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import { KnownEntries } from "../../../images/capture/known-entries.ts";
import type { FileEntry } from "../../../images/entry.ts";

const file: FileEntry = {
  kind: "file",
  path: "a/b" as RelPath,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 5, nanoseconds: 6 },
  size: 7,
};
const received: FileEntry = { ...file, extended: [["k", "v"]], digest: "ab".repeat(32) };

describe("KnownEntries", () => {
  test("tells what was received of an entry that is still the same", () => {
    const known = new KnownEntries();
    known.add({ ...received, path: "other" as RelPath, digest: "cd".repeat(32), extended: [] });
    known.add(received);

    expect(known.find(file)).toEqual({ digest: "ab".repeat(32), extended: [["k", "v"]] });
    expect(known.find({ ...file, path: "other" as RelPath })).toEqual({
      digest: "cd".repeat(32),
      extended: [],
    });
  });

  test.each<[string, FileEntry]>([
    ["size", { ...file, size: 8 }],
    ["time", { ...file, mtime: { seconds: 5, nanoseconds: 7 } }],
    ["kind", { ...file, kind: "fifo" } as FileEntry],
    ["path", { ...file, path: "a" as RelPath }],
  ])("tells nothing of an entry that has another %s", (_, now) => {
    const known = new KnownEntries();
    known.add(received);

    expect(known.find(now)).toBeUndefined();
  });

  test("forgets what was received before, also where the new has the same size and time", () => {
    const known = new KnownEntries();
    known.add(received);
    known.add({ ...received, extended: [], digest: "ef".repeat(32) });
    const again = known.find(file);
    known.add(file);

    expect(again).toEqual({ digest: "ef".repeat(32), extended: [] });
    expect(known.find(file)).toBeUndefined();
  });

  test("knows no digest where none was taken", () => {
    const known = new KnownEntries();
    known.add(received);
    known.add({ ...file, extended: [] });

    expect(known.find(file)).toEqual({ extended: [] });
  });
});
