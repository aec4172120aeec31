/** What differs between two versions: a merge of their entries, both in path order. */
import { comparePaths } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { Change } from "../sync/actions.ts";
import { changesBetween } from "../sync/compare.ts";
import type { EntryDifference } from "./store.ts";

export async function* differences(
  before: AsyncIterable<FileEntry>,
  after: AsyncIterable<FileEntry>,
): AsyncGenerator<EntryDifference> {
  const left = before[Symbol.asyncIterator]();
  const right = after[Symbol.asyncIterator]();
  try {
    let a = await left.next();
    let b = await right.next();
    while (a.done !== true || b.done !== true) {
      const order = a.done === true ? 1 : b.done === true ? -1 : comparePaths(a.value.path, b.value.path);
      if (order < 0) {
        yield { path: a.value.path, kind: "removed", before: a.value, changes: [] };
        a = await left.next();
      } else if (order > 0) {
        yield { path: b.value.path, kind: "added", after: b.value, changes: ["missing"] };
        b = await right.next();
      } else {
        const changes = changesOf(a.value, b.value);
        if (changes.length > 0) {
          yield { path: a.value.path, kind: "changed", before: a.value, after: b.value, changes };
        }
        a = await left.next();
        b = await right.next();
      }
    }
  } finally {
    await left.return?.();
    await right.return?.();
  }
}

function changesOf(before: FileEntry, after: FileEntry): readonly Change[] {
  if (before.kind === "hardlink" && after.kind === "hardlink") {
    const changes = changesBetween(after, before, { checksum: true });
    return before.target === after.target ? changes : [...changes, "hard-links"];
  }
  // A name that has become one of several, or is the only one left, is still a file.
  const joined = before.kind === "hardlink" && after.kind === "file";
  return joined || (before.kind === "file" && after.kind === "hardlink")
    ? ["hard-links"]
    : changesBetween(after, before, { checksum: true });
}
