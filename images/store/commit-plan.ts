/** Which entries of a tree must be read to commit it: the tree's listing beside a version. */
import type { FileEntry } from "../entry.ts";
import { PlaceSet } from "../sync/columns.ts";
import { changesBetween } from "../sync/compare.ts";
import type { EntryTable } from "../sync/entry-table.ts";
import { placesIn } from "../sync/same-rows.ts";
import type { MemberId, Place, StoredEntry } from "./entry-line.ts";
import type { VersionTable } from "./version-table.ts";

export interface CommitPlan {
  readonly listed: EntryTable;
  /** The newest version; undefined where there is none. */
  readonly version: VersionTable | undefined;
  /** By place in the listing, the place of its path in the version, or -1. */
  readonly before: ArrayLike<number>;
  /** Places in the listing that are known to be those of the version, extended attributes and content included. */
  readonly unchanged: PlaceSet;
  /** Entries of the version that the tree no longer has. */
  readonly removed: number;
}

/** `seen` tells whether a place of the listing has the inode and change time that the version's entry at a place was seen with. */
export function planCommit(
  listed: EntryTable,
  version: VersionTable | undefined,
  seen: (place: number, before: number) => boolean,
): CommitPlan {
  const before =
    version === undefined ? new Int32Array(listed.length).fill(-1) : placesIn(version.table, listed);
  const unchanged = new PlaceSet(listed.length);
  let kept = 0;
  for (let place = 0; place < listed.length; place++) {
    const at = before[place] ?? -1;
    if (version === undefined || at < 0) {
      continue;
    }
    kept += 1;
    if (seen(place, at) && isAsBefore({ listed, version }, place, at)) {
      unchanged.add(place);
    }
  }
  return { listed, version, before, unchanged, removed: (version?.length ?? 0) - kept };
}

/** True where a place of the listing is what the version has at a place, as far as the listing shows. */
export function isAsBefore(
  { listed, version }: { readonly listed: EntryTable; readonly version: VersionTable },
  place: number,
  at: number,
): boolean {
  const [row, old] = [listed.rowAt(place), version.table.rowAt(at)];
  const [rows, olds] = [listed.rows, version.table.rows];
  // Names of one inode are compared as entries.
  return !rows.isLinked(row) && !olds.isLinked(old) && rows.sameFacts(row, olds, old)
    ? true
    : sameEntry(listed.entryAt(place), version.storedAt(at).entry);
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
