import { expect, it } from "vitest";
import type { RelPath } from "../../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../../../images/entry.ts";
import { withSpecialMembers } from "../../../images/store/special-members.ts";

const meta = { mode: 0o600, uid: 1, gid: 2, mtime: { seconds: 1, nanoseconds: 0 } };
const entry = (path: string, kind: "fifo" | "socket" | "file"): FileEntry =>
  ({ ...meta, path: path as RelPath, kind, ...(kind === "file" ? { size: 0 } : {}) }) as FileEntry;
const listed = (path: string, kind: "fifo" | "socket" | "file", inode: string): ListedEntry => ({
  entry: entry(path, kind),
  inode,
  linkCount: 2,
  ctime: meta.mtime,
  allocated: 0,
});

it("later names of a special file become links to its first in the archive, and sockets come in the end", () => {
  const members = ["b", "a", "c"].map((path) => ({ entry: entry(path, "fifo"), dataLength: 0, offset: 0 }));
  const list = [
    listed("a", "fifo", "1:1"),
    listed("b", "fifo", "1:1"),
    listed("c", "fifo", "1:2"),
    listed("s", "socket", "1:3"),
  ];

  const laid = withSpecialMembers(members, list).map(({ entry: one }) =>
    one.kind === "hardlink" ? `${one.path}>${one.target}` : `${one.path} ${one.kind}`,
  );

  expect(laid).toEqual(["b fifo", "a>b", "c fifo", "s socket"]);
});

it("a file that a listing speaks of as special stays a file", () => {
  const members = [{ entry: entry("a", "file"), dataLength: 0, offset: 0 }];

  expect(withSpecialMembers(members, [listed("a", "fifo", "1:1")])).toEqual(members);
});
