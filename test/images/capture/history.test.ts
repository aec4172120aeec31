import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes } from "../../../base/bytes.ts";
import type { RelPath } from "../../../base/path-bytes.ts";
import {
  type CaptureHistory,
  decodeHistory,
  encodeHistory,
  isUnchanged,
} from "../../../images/capture/history.ts";
import { SeenTable } from "../../../images/capture/seen-table.ts";
import type { ListedEntry } from "../../../images/entry.ts";

function listed(seconds: number, inode = "1:2"): ListedEntry {
  const entry = {
    kind: "file",
    path: "a" as RelPath,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    size: 0,
  } as const;
  return { entry, inode, linkCount: 1, ctime: { seconds, nanoseconds: 5 }, allocated: 0 };
}

function seen(...rows: readonly (readonly [string, string, string])[]): SeenTable {
  const table = new SeenTable();
  for (const row of rows) {
    table.add(...row);
  }
  return table;
}

const once = ["a", "1:2 100.5", "9:9 200.5"] as const;

test.each<[string, CaptureHistory | undefined, ListedEntry, ListedEntry, boolean]>([
  ["nothing is known", undefined, listed(100), listed(200, "9:9"), false],
  ["both are as they were", { client: "c", seen: seen(once) }, listed(100), listed(200, "9:9"), true],
  ["the client's changed", { client: "c", seen: seen(once) }, listed(101), listed(200, "9:9"), false],
  ["the tree's changed", { client: "c", seen: seen(once) }, listed(100), listed(201, "9:9"), false],
  ["it arrived before the cut", { client: "c", begun: 200, seen: seen() }, listed(100), listed(300), true],
  [
    "it changed since the first attempt",
    { client: "c", begun: 90, seen: seen() },
    listed(100),
    listed(300),
    false,
  ],
])("isUnchanged() when %s", (_, history, client, tree, verdict) => {
  expect(isUnchanged(history, { client, tree })).toBe(verdict);
});

const word = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
});

test("decodeHistory() reads what encodeHistory() wrote, and nothing that was cut short", () => {
  const rows = fc.array(fc.tuple(word, word, word), { maxLength: 5 });
  fc.assert(
    fc.property(word, fc.option(fc.nat(), { nil: undefined }), rows, (client, begun, list) => {
      const history = { client, ...(begun === undefined ? {} : { begun }), seen: seen(...list) };
      const bytes = concatBytes(encodeHistory(history));

      const decoded = decodeHistory(bytes);

      expect({ ...decoded, seen: decoded?.seen.bytes }).toEqual({ ...history, seen: history.seen.bytes });
      expect(decodeHistory(bytes.subarray(0, -1))).toBeUndefined();
    }),
  );
});

test("a SeenTable knows what was added to it as a map does", () => {
  fc.assert(
    fc.property(fc.dictionary(word, fc.tuple(word, word), { maxKeys: 300 }), word, (rows, other) => {
      const table = seen(...Object.entries(rows).map(([path, [a, b]]) => [path, a, b] as const));

      for (const [path, [a, b]] of Object.entries(rows)) {
        expect(table.compare(path, a, b)).toBe("same");
        expect(table.compare(path, `${a}.`, b)).toBe("different");
        expect(table.compare(path, a, `${b}.`)).toBe("different");
      }
      expect(table.compare(other, "", "") === "unknown").toBe(!Object.hasOwn(rows, other));
    }),
  );
});
