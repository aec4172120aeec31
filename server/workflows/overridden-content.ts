/** How much a version holds, by mount point, once overrides are laid over it. Pure. */
import { ContentMeter } from "../../autoinstall/layout/content.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { LaidTree } from "../../images/overlay/lay.ts";
import type { VersionTable } from "../../images/store/version-table.ts";

export interface OverriddenContent {
  /** Bytes by mount point, at least. */
  readonly used: ReadonlyMap<string, number>;
  /** Bytes that the whole tree grows by, at least. */
  readonly growth: number;
}

/** `holes` are bytes of the overrides' files that may be holes; `used` is what the version alone holds. */
export function overriddenContent(
  base: { readonly table: VersionTable; readonly used: ReadonlyMap<string, number> },
  laid: { readonly tree: LaidTree; readonly holes: number },
): OverriddenContent {
  const mountPoints = [...base.used.keys()];
  const added = new ContentMeter(mountPoints);
  const replaced = new ContentMeter(mountPoints);
  for (const { entry } of laid.tree.laid.values()) {
    added.add(entry);
  }
  for (const path of replacedPaths(base.table, laid.tree)) {
    const entry = base.table.find(path);
    if (entry !== undefined) {
      replaced.add(entry);
    }
  }
  const [comes, goes] = [added.least(laid.holes), replaced.least(0)];
  const change = (mountPoint: string) => (comes.get(mountPoint) ?? 0) - (goes.get(mountPoint) ?? 0);
  return {
    used: new Map([...base.used].map(([at, bytes]) => [at, Math.max(0, bytes + change(at))])),
    growth: Math.max(
      0,
      mountPoints.reduce((sum, at) => sum + change(at), 0),
    ),
  };
}

/** The version's own paths that give way. Where one is a name of several, its content may stay: that is not asked here. */
function replacedPaths(table: VersionTable, tree: LaidTree): ReadonlySet<RelPath> {
  const paths = new Set<RelPath>(tree.laid.keys());
  for (const folder of tree.gone) {
    // In path order "0" is what comes after "/".
    const end = table.table.placeFor(`${folder}0`);
    for (let place = table.table.placeFor(`${folder}/`); place < end; place++) {
      paths.add(table.entryAt(place).path);
    }
  }
  return paths;
}
