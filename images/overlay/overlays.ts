/** Lays versions of override trees over versions of images, and gives the content of what they lay. */
import type { RelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionId } from "../manifest.ts";
import type { MembersOptions, VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import { contentTable, laidTable } from "./laid-table.ts";
import { type LaidEntry, type LaidTree, type Layer, layOver } from "./lay.ts";

/** A version with what lies over it. */
export interface Overlaid {
  readonly table: VersionTable;
  readonly tree: LaidTree;
  readonly layers: readonly {
    readonly layer: Layer;
    readonly version: VersionId;
    /** What of the layer is not itself covered. */
    readonly entries: readonly LaidEntry[];
    /** The table by which the store gives it. */
    readonly content: VersionTable;
  }[];
}

export class Overlays {
  /** Reads the versions of override trees. */
  readonly reader: VersionReader;
  /** The same overrides over the same version are laid once for all nodes that have them at a time. */
  readonly #known = new WeakMap<VersionTable, Map<string, WeakRef<Overlaid>>>();

  constructor(reader: VersionReader) {
    this.reader = reader;
  }

  /** Lays the versions over another, the weakest first. */
  async over(base: VersionTable, versions: readonly VersionId[]): Promise<Overlaid> {
    const manifests = await Promise.all(versions.map((version) => this.reader.resolve(version)));
    const key = manifests.map((manifest) => `${formatVersion(manifest)} ${manifest.created}`).join("\n");
    const beside = this.#known.get(base) ?? new Map<string, WeakRef<Overlaid>>();
    this.#known.set(base, beside);
    const known = beside.get(key)?.deref();
    if (known !== undefined) {
      return known;
    }
    const layers: Layer[] = [];
    for (const version of versions) {
      layers.push({ name: version.image, table: await this.reader.table(version) });
    }
    const made = layVersions(base, { layers, versions });
    beside.set(key, new WeakRef(made));
    return made;
  }

  /** The members of what is laid, those of `only` or all, without an end of the archive. */
  async *members(
    laid: Overlaid,
    options: Omit<MembersOptions, "table" | "continues"> & { readonly only?: (path: RelPath) => boolean },
  ): AsyncGenerator<Uint8Array> {
    const { only, ...rest } = options;
    for (const { version, entries, content } of laid.layers) {
      const paths = entries.map(({ entry }) => entry.path).filter((path) => only?.(path) !== false);
      if (paths.length > 0) {
        yield* this.reader.members(version, paths, { ...rest, table: content, continues: true });
      }
    }
  }
}

function layVersions(
  base: VersionTable,
  over: { readonly layers: readonly Layer[]; readonly versions: readonly VersionId[] },
): Overlaid {
  const tree = layOver(base, over.layers);
  return {
    tree,
    table: laidTable(base, tree),
    layers: over.versions.map((version, index) => {
      const layer = over.layers[index] as Layer;
      const entries = [...tree.laid.values()].filter((laid) => laid.layer === layer);
      return { layer, version, entries, content: contentTable(layer, entries) };
    }),
  };
}
