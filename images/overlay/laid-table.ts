/** A version's table with what lies over it, and the tables by which the store gives the content of both. Pure. */
import { parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { PutEntry, VersionTable } from "../store/version-table.ts";
import type { LaidEntry, LaidTree, Layer } from "./lay.ts";

/** One table of everything. */
export function laidTable(base: VersionTable, tree: LaidTree): VersionTable {
  const put: PutEntry[] = [...tree.laid.values()].map(({ entry, layer }) => ({ entry, from: layer.name }));
  put.push(...newNames(base, tree));
  return base.with(
    put.sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1)),
    tree.gone,
  );
}

/**
 * Names of the version's own inodes whose first name gave way: the first that is left carries the content, and the others are links to
 * it.
 */
function newNames(base: VersionTable, tree: LaidTree): readonly PutEntry[] {
  const put: PutEntry[] = [];
  const leaders = new Map<RelPath, RelPath>();
  const { rows } = base.table;
  for (let place = 0; place < base.length; place++) {
    const row = base.table.rowAt(place);
    const entry = rows.isLinked(row) ? base.entryAt(place) : undefined;
    if (entry?.kind !== "hardlink" || !isGone(entry.target, tree) || isGone(entry.path, tree)) {
      continue;
    }
    const leader = leaders.get(entry.target);
    if (leader !== undefined) {
      put.push({ entry: { ...entry, target: leader } });
      continue;
    }
    leaders.set(entry.target, entry.path);
    const stored = base.storedAt(base.table.indexOf(entry.target));
    put.push({
      entry: { ...stored.entry, path: entry.path },
      ...(stored.place === undefined ? {} : { place: { ...stored.place, whole: false } }),
    });
  }
  return put;
}

function isGone(path: RelPath, tree: LaidTree): boolean {
  if (tree.laid.has(path)) {
    return true;
  }
  for (let above = path; tree.gone.size > 0 && above !== ""; above = parentPath(above)) {
    if (tree.gone.has(above)) {
      return true;
    }
  }
  return false;
}

/** A layer's table in which everything that it lays stands at the path where it comes to lie. */
export function contentTable(layer: Layer, laid: readonly LaidEntry[]): VersionTable {
  const moved = laid.filter(({ entry, place }) => {
    const own = layer.table.find(entry.path);
    return own === undefined || own.kind !== entry.kind || layer.table.table.indexOf(entry.path) !== place;
  });
  return layer.table.with(
    moved
      .map(({ entry, place }): PutEntry => {
        const stored = layer.table.storedAt(place);
        return {
          entry,
          ...(stored.place === undefined ? {} : { place: { ...stored.place, whole: false } }),
        };
      })
      .sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1)),
  );
}
