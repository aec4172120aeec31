import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithin, parentPath, type RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../../../images/entry.ts";
import { archiveOrder, archivePlaces, compareTreeOrder } from "../../../images/store/tree-order.ts";
import { type EntryTable, EntryTableBuilder } from "../../../images/sync/entry-table.ts";

const paths = fc.array(
  fc
    .array(fc.stringMatching(/^[a -.\xff]{1,3}$/), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/") as RelPath),
  { maxLength: 20 },
);

describe("compareTreeOrder()", () => {
  it("puts what is in a directory before the directory's next sibling", () => {
    const sorted = ["a-b", "a/c", "a", "", "a b", "b"].map((path) => path as RelPath).sort(compareTreeOrder);

    expect(sorted).toEqual(["", "a", "a/c", "a b", "a-b", "b"]);
  });

  it("keeps every subtree together", () => {
    fc.assert(
      fc.property(paths, (list) => {
        const sorted = [...new Set(list)].sort(compareTreeOrder);

        for (const [at, top] of sorted.entries()) {
          const inside = sorted.slice(at).map((path) => isWithin(path, top));
          const end = inside.indexOf(false);
          expect(end < 0 || inside.slice(end).every((is) => !is)).toBe(true);
        }
      }),
    );
  });
});

describe("archiveOrder()", () => {
  it("puts a hard link's target before it, though tree order would not", () => {
    const entries = [
      { kind: "directory", path: "a" },
      { kind: "hardlink", path: "a/x", target: "a-b/y" },
      { kind: "directory", path: "a-b" },
      { kind: "file", path: "a-b/y" },
    ] as FileEntry[];

    const ordered = archiveOrder(entries, (entry) => entry).map((entry) => entry.path);

    expect(ordered).toEqual(["a-b/y", "a", "a/x", "a-b"]);
  });
});

describe("archivePlaces()", () => {
  it("is the order that archiveOrder() sorts a listing into", () => {
    const trees = fc.tuple(paths, fc.array(fc.nat(), { maxLength: 6 }));
    fc.assert(
      fc.property(trees, ([list, linked]) => {
        const table = listing(list, linked);
        const entries = [...table.entries()];

        const places = [...archivePlaces(table)];

        const wanted = archiveOrder(entries, (entry) => entry).map((entry) => entry.path);
        expect(places.map((place) => table.pathAt(place))).toEqual(wanted);
      }),
    );
  });
});

/** Of all paths and the directories above them; some of the files share an inode. */
function listing(list: readonly RelPath[], linked: readonly number[]): EntryTable {
  const directories = new Set<RelPath>(["" as RelPath]);
  for (const path of list) {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      directories.add(parent);
    }
  }
  const all = [...new Set([...list, ...directories])];
  const builder = new EntryTableBuilder();
  for (const [at, path] of all.entries()) {
    const isLinked = linked.includes(at);
    const kind = directories.has(path) ? "directory" : "file";
    builder.add({
      entry: { kind, path, mode: 0, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 }, size: 0 },
      inode: isLinked ? "1:1" : `1:${at + 2}`,
      linkCount: isLinked ? 2 : 1,
      ctime: { seconds: 0, nanoseconds: 0 },
      allocated: 0,
    } as ListedEntry);
  }
  const table = builder.finish();
  if (!table.ok) {
    throw new Error(table.error.message);
  }
  return table.value;
}
