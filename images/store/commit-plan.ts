/** Which entries of a tree must be read to commit it: a merge of the tree's listing with the newest version. */
import { comparePaths } from "../../base/path-bytes.ts";
import type { FileEntry, ListedEntry } from "../entry.ts";
import { changesBetween } from "../sync/compare.ts";
import type { MemberId, Place, StoredEntry } from "./entry-line.ts";

export interface PendingEntry {
  readonly listed: ListedEntry;
  /** The entry of this path in the newest version. */
  readonly before?: StoredEntry;
  /** True where the tree's entry is known to be that one, extended attributes and content included. */
  readonly unchanged: boolean;
}

export interface CommitPlan {
  readonly pending: readonly PendingEntry[];
  /** Entries of the newest version that the tree no longer has. */
  readonly removed: number;
}

/** `seen` holds, for each of the version's entries, the mark of inode and change time, and `mark` makes that of a listed entry. */
export function planCommit(
  listed: readonly ListedEntry[],
  version: {
    readonly entries: readonly StoredEntry[];
    readonly seen: readonly string[] | undefined;
    readonly mark: (listed: ListedEntry) => string;
  },
): CommitPlan {
  const pending: PendingEntry[] = [];
  let removed = 0;
  let at = 0;
  for (const item of listed) {
    let before = version.entries[at];
    while (before !== undefined && comparePaths(before.entry.path, item.entry.path) < 0) {
      removed += 1;
      at += 1;
      before = version.entries[at];
    }
    if (before === undefined || before.entry.path !== item.entry.path) {
      pending.push({ listed: item, unchanged: false });
      continue;
    }
    const unchanged = version.seen?.[at] === version.mark(item) && sameEntry(item.entry, before.entry);
    pending.push({ listed: item, before, unchanged });
    at += 1;
  }
  return { pending, removed: removed + version.entries.length - at };
}

/** True where both are the same as far as both are known, names of one inode included. */
export function sameEntry(a: FileEntry, b: FileEntry): boolean {
  const links = a.kind === "hardlink" && b.kind === "hardlink" ? a.target === b.target : true;
  return links && changesBetween(a, b, {}).length === 0;
}

const maxOver = 32;

/**
 * The older members of a path that unpacking may write before `after`, because `after` takes their place: not where a
 * directory gives way to something else or the reverse (tar does not replace those), not for hard links, whose target may
 * be gone, and not members that would come after it.
 */
export function supersededBy(
  after: { readonly entry: FileEntry; readonly place: Place | undefined },
  before: StoredEntry | undefined,
): readonly MemberId[] {
  if (
    before === undefined ||
    before.entry.kind === "hardlink" ||
    before.entry.kind === "symlink" ||
    after.entry.kind === "socket" ||
    (before.entry.kind === "directory") !== (after.entry.kind === "directory")
  ) {
    return [];
  }
  const { place } = after;
  const older: readonly MemberId[] =
    before.place?.whole === true
      ? [...before.over, { pack: before.place.pack, member: before.place.member }]
      : before.over;
  return older
    .filter(
      (member) =>
        place?.whole !== true ||
        member.pack < place.pack ||
        (member.pack === place.pack && member.member < place.member),
    )
    .slice(-maxOver);
}
