/**
 * What GNU tar leaves out of a tree when it walks it by itself: sockets, and that special files may have several names. A listing of
 * those is laid over the archive's members.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import type { ArchiveMember } from "./archive-plan.ts";

/** The archive's members with later names of a special file as links to its first, and with the sockets at the end. */
export function withSpecialMembers(
  members: readonly ArchiveMember[],
  listed: readonly ListedEntry[],
): readonly ArchiveMember[] {
  const inodes = new Map(listed.map(({ entry, inode }) => [entry.path, inode]));
  const first = new Map<string, RelPath>();
  const linked = members.map((member): ArchiveMember => {
    const { entry } = member;
    const inode = isSpecial(entry) ? inodes.get(entry.path) : undefined;
    const target = inode === undefined ? undefined : first.get(inode);
    if (inode !== undefined && target === undefined) {
      first.set(inode, entry.path);
    }
    return target === undefined ? member : { ...member, entry: linkTo(target, entry) };
  });
  const offset = members.at(-1)?.offset ?? 0;
  const sockets = listed.filter(({ entry }) => entry.kind === "socket");
  return [...linked, ...sockets.map(({ entry }) => ({ entry, dataLength: 0, offset }))];
}

function isSpecial({ kind }: FileEntry): boolean {
  return kind !== "file" && kind !== "directory" && kind !== "symlink" && kind !== "hardlink";
}

function linkTo(target: RelPath, entry: FileEntry): FileEntry {
  const { path, mode, uid, gid, mtime, extended } = entry;
  const known = extended === undefined ? {} : { extended };
  return { kind: "hardlink", path, target, mode, uid, gid, mtime, ...known };
}
