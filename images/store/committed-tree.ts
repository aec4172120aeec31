/** The entries of a tree that is committed, as its manifest wants them: made of the listing, of what was stored and of the version before. */
import { toHex } from "../../base/bytes.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { VersionTotals } from "../manifest.ts";
import { type CommitPlan, sameEntry, supersededBy } from "./commit-plan.ts";
import type { MemberId, Place, StoredEntry } from "./entry-line.ts";
import type { StoredNowTable } from "./stored-now.ts";

export interface CommittedTreeParts {
  readonly plan: CommitPlan;
  readonly stored: StoredNowTable;
  /** Directories that the new pack has, some though they are stored elsewhere too. */
  readonly directories: ReadonlyMap<RelPath, Place>;
  /** SHA-256 of the content at a place. */
  readonly digestOf: (place: Place) => Uint8Array | undefined;
}

export class CommittedTree implements Iterable<StoredEntry> {
  readonly #parts: CommittedTreeParts;
  /** By place in the listing, of directories that are stored anew. */
  readonly #again = new Map<number, Place>();

  constructor(parts: CommittedTreeParts) {
    this.#parts = parts;
    for (const [path, place] of parts.directories) {
      this.#again.set(parts.plan.listed.indexOf(path), place);
    }
  }

  *[Symbol.iterator](): Generator<StoredEntry> {
    for (let at = 0; at < this.#parts.plan.listed.length; at++) {
      yield this.#entry(at);
    }
  }

  /** True where an entry is new, gone, or not what it was. */
  get changed(): boolean {
    const { plan, stored } = this.#parts;
    if (plan.removed > 0 || plan.version === undefined) {
      return true;
    }
    for (let at = 0; at < plan.listed.length; at++) {
      const before = plan.before[at] ?? -1;
      if (stored.has(at) && (before < 0 || !sameEntry(this.#digested(at), plan.version.entryAt(before)))) {
        return true;
      }
    }
    return false;
  }

  /** Numbers of the packs that its entries lie in. */
  packs(): ReadonlySet<number> {
    const used = new Set<number>();
    for (let at = 0; at < this.#parts.plan.listed.length; at++) {
      const place = this.#placeAt(at);
      if (place !== undefined) {
        used.add(place.pack);
      }
    }
    return used;
  }

  /** `bytes` is the size of the version's own pack. */
  totals(bytes: number): VersionTotals {
    const { listed } = this.#parts.plan;
    const totals = { entries: listed.length, files: 0, bytes: 0, stored: bytes };
    for (let at = 0; at < listed.length; at++) {
      const row = listed.rowAt(at);
      if (listed.rows.isFile(row) && !listed.rows.isFurtherName(row)) {
        totals.files += 1;
        totals.bytes += listed.rows.sizeAt(row);
      }
    }
    return totals;
  }

  #entry(at: number): StoredEntry {
    const { plan, stored } = this.#parts;
    const old = plan.before[at] ?? -1;
    const before = plan.version === undefined || old < 0 ? undefined : plan.version.storedAt(old);
    if (!stored.has(at) && !this.#again.has(at)) {
      return before as StoredEntry;
    }
    const entry = stored.has(at) ? stored.entryAt(at) : (before as StoredEntry).entry;
    const place = this.#placeAt(at);
    const over = supersededBy({ entry, place }, before);
    return place === undefined ? { entry, over } : { entry, over, place };
  }

  #placeAt(at: number): Place | undefined {
    const { plan, stored } = this.#parts;
    const again = this.#again.get(at);
    if (again !== undefined || stored.has(at)) {
      return again ?? stored.placeAt(at);
    }
    return plan.version?.placeAt(plan.before[at] ?? -1);
  }

  #digested(at: number): FileEntry {
    const { stored, digestOf } = this.#parts;
    const entry = stored.entryAt(at);
    const place = stored.placeAt(at);
    if (entry.kind !== "file" || entry.size === 0 || place === undefined) {
      return entry;
    }
    const digest = digestOf(place);
    return digest === undefined ? entry : { ...entry, digest: toHex(digest) };
  }
}

/** Leaves out packs that no entry has its place in, and numbers the others anew in the same order. */
export function compactPacks(
  tree: CommittedTree,
  packIds: readonly string[],
): { readonly entries: Iterable<StoredEntry>; readonly packIds: readonly string[] } {
  const used = tree.packs();
  const kept = packIds.map((_, number) => number).filter((number) => used.has(number));
  if (kept.length === packIds.length) {
    return { entries: tree, packIds };
  }
  const renumbered = new Map(kept.map((old, number) => [old, number]));
  function moved<T extends MemberId>(id: T): T {
    return { ...id, pack: renumbered.get(id.pack) ?? 0 };
  }
  function* entries(): Generator<StoredEntry> {
    for (const { entry, over, place } of tree) {
      yield {
        entry,
        over: over.filter((member) => renumbered.has(member.pack)).map(moved),
        ...(place === undefined ? {} : { place: moved(place) }),
      };
    }
  }
  return {
    packIds: kept.map((number) => packIds[number] as string),
    entries: { [Symbol.iterator]: entries },
  };
}
