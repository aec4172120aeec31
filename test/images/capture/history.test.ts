import fc from "fast-check";
import { expect, test } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import {
  type CaptureHistory,
  decodeHistory,
  encodeHistory,
  isUnchanged,
} from "../../../images/capture/history.ts";
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

const seen = { client: "1:2 100.000000005", tree: "9:9 200.000000005" };

test.each<[string, CaptureHistory | undefined, ListedEntry, ListedEntry, boolean]>([
  ["nothing is known", undefined, listed(100), listed(200, "9:9"), false],
  [
    "both are as they were",
    { client: "c", seen: new Map([["a" as RelPath, seen]]) },
    listed(100),
    listed(200, "9:9"),
    true,
  ],
  [
    "the client's changed",
    { client: "c", seen: new Map([["a" as RelPath, seen]]) },
    listed(101),
    listed(200, "9:9"),
    false,
  ],
  [
    "the tree's changed",
    { client: "c", seen: new Map([["a" as RelPath, seen]]) },
    listed(100),
    listed(201, "9:9"),
    false,
  ],
  ["it arrived before the cut", { client: "c", begun: 200, seen: new Map() }, listed(100), listed(300), true],
  [
    "it changed since the first attempt",
    { client: "c", begun: 90, seen: new Map() },
    listed(100),
    listed(300),
    false,
  ],
])("isUnchanged() when %s", (_, history, client, tree, verdict) => {
  expect(isUnchanged(history, { client, tree })).toBe(verdict);
});

test("decodeHistory() reads what encodeHistory() wrote, and nothing that was cut short", () => {
  const word = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
  const entries = fc.array(fc.tuple(word, fc.record({ client: word, tree: word })), { maxLength: 5 });
  fc.assert(
    fc.property(word, fc.option(fc.nat(), { nil: undefined }), entries, (client, begun, list) => {
      const history = {
        client,
        ...(begun === undefined ? {} : { begun }),
        seen: new Map(list as [RelPath, typeof seen][]),
      };
      const text = [...encodeHistory(history)].join("");

      expect(decodeHistory(text)).toEqual(history);
      expect(decodeHistory(text.slice(0, -1))).toBeUndefined();
    }),
  );
});
