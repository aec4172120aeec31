import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithin, type RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry } from "../../../images/entry.ts";
import { archiveOrder, compareTreeOrder } from "../../../images/store/tree-order.ts";

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
