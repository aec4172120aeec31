/** The entries of a finished commit as its manifest wants them. */
import type { VersionTotals } from "../manifest.ts";
import type { MemberId, StoredEntry } from "./entry-line.ts";

/** Leaves out packs that no entry has its place in, and numbers the others anew in the same order. */
export function compactPacks(
  entries: readonly StoredEntry[],
  packIds: readonly string[],
): { readonly entries: readonly StoredEntry[]; readonly packIds: readonly string[] } {
  const used = new Set(entries.map((stored) => stored.place?.pack));
  const kept = packIds.map((_, number) => number).filter((number) => used.has(number));
  if (kept.length === packIds.length) {
    return { entries, packIds };
  }
  const renumbered = new Map(kept.map((old, number) => [old, number]));
  function moved<T extends MemberId>(id: T): T {
    return { ...id, pack: renumbered.get(id.pack) ?? 0 };
  }
  return {
    packIds: kept.map((number) => packIds[number] as string),
    entries: entries.map((stored) => ({
      entry: stored.entry,
      over: stored.over.filter((member) => renumbered.has(member.pack)).map(moved),
      ...(stored.place === undefined ? {} : { place: moved(stored.place) }),
    })),
  };
}

/** `stored` is the size of the version's own pack. */
export function totalsOf(entries: readonly StoredEntry[], stored: number): VersionTotals {
  let files = 0;
  let bytes = 0;
  for (const { entry } of entries) {
    if (entry.kind === "file") {
      files += 1;
      bytes += entry.size;
    }
  }
  return { entries: entries.length, files, bytes, stored };
}
