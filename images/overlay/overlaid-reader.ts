/**
 * Versions with overrides laid over them, read as plain versions are: what plans, streams and compares a version does so with the
 * overlaid one, and need not know. The content of overrides comes from versions of their own, so that nobody edits what is read.
 */
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import {
  formatVersion,
  type ImageName,
  type Manifest,
  type VersionId,
  type VersionRef,
} from "../manifest.ts";
import type { KnownBlocks } from "../remote/known-blocks.ts";
import type { MembersOptions, VersionReader, VersionStream } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import { endOfArchive } from "../tar/encode.ts";
import type { Overlaid, Overlays } from "./overlays.ts";

/** Versions that lie over another, and what reads them. */
export interface OverrideVersions {
  readonly overlays: Overlays;
  /** Versions of override trees, the weakest first. */
  readonly versions: readonly VersionId[];
}

/** What lies over a version on a node. */
export interface Overrides extends OverrideVersions {
  /** What the node's override trees may be called: others are other nodes', whatever it says. */
  readonly names: ReadonlySet<ImageName>;
}

/** Reads versions with overrides over them; without any, as they are. */
export function overlaidReader(base: VersionReader, overrides: OverrideVersions | undefined): VersionReader {
  return hasOverrides(overrides) ? new OverlaidReader(base, overrides) : base;
}

export function hasOverrides<Known extends OverrideVersions>(
  overrides: Known | undefined,
): overrides is Known {
  return overrides !== undefined && overrides.versions.length > 0;
}

class OverlaidReader implements VersionReader {
  readonly #base: VersionReader;
  readonly #overrides: OverrideVersions;
  /** By the version's key: every part of one operation sees the same. */
  readonly #read = new Map<string, Promise<Overlaid>>();

  constructor(base: VersionReader, overrides: OverrideVersions) {
    this.#base = base;
    this.#overrides = overrides;
  }

  get blocks(): KnownBlocks {
    return this.#base.blocks;
  }

  /** Whoever reads there tells by digests whether it is what the version holds. */
  treePath(image: ImageName): string {
    return this.#base.treePath(image);
  }

  resolve(ref: VersionRef): Promise<Manifest> {
    return this.#base.resolve(ref);
  }

  async *entries(ref: VersionRef): AsyncGenerator<FileEntry> {
    const { table } = await this.#laid(ref);
    for (let place = 0; place < table.length; place++) {
      yield table.entryAt(place);
    }
  }

  async table(ref: VersionRef): Promise<VersionTable> {
    return (await this.#laid(ref)).table;
  }

  /** Of the version itself: what lies over it comes after it, as `laidMembers`. */
  versionStream(ref: VersionRef, options?: { readonly signal?: AbortSignal }): Promise<VersionStream> {
    return this.#base.versionStream(ref, options);
  }

  async *members(
    ref: VersionRef,
    paths: Iterable<RelPath>,
    options: MembersOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const laid = await this.#laid(ref);
    const isLaid = (path: RelPath) => laid.tree.laid.has(path);
    const wanted = new Set(chosen(paths, isLaid));
    const own = chosen(paths, (path) => !isLaid(path));
    const { continues, ...rest } = options;
    yield* this.#overrides.overlays.members(laid, { ...rest, only: (path) => wanted.has(path) });
    yield* this.#base.members(ref, own, { ...rest, table: laid.table, continues: true });
    if (continues !== true) {
      yield endOfArchive;
    }
  }

  async readFile(ref: VersionRef, path: RelPath, options: { readonly limit: number }): Promise<Uint8Array> {
    const { tree, layers } = await this.#laid(ref);
    const laid = tree.laid.get(path);
    if (laid === undefined) {
      return await this.#base.readFile(ref, path, options);
    }
    const version = layers.find(({ layer }) => layer === laid.layer)?.version;
    if (version === undefined) {
      throw new AppError("internal", "An override that lies over a version is not among them");
    }
    const { path: own } = laid.layer.table.entryAt(laid.place);
    return await this.#overrides.overlays.reader.readFile(version, own, options);
  }

  async #laid(ref: VersionRef): Promise<Overlaid> {
    const manifest = await this.#base.resolve(ref);
    const key = formatVersion({ image: manifest.image, number: manifest.number });
    const { overlays, versions } = this.#overrides;
    const reading =
      this.#read.get(key) ?? this.#base.table(manifest).then((table) => overlays.over(table, versions));
    this.#read.set(key, reading);
    reading.catch(() => this.#read.delete(key));
    return await reading;
  }
}

function* chosen(paths: Iterable<RelPath>, is: (path: RelPath) => boolean): Generator<RelPath> {
  for (const path of paths) {
    if (is(path)) {
      yield path;
    }
  }
}
