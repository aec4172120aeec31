/**
 * Lays trees over a version: for each path the strongest tree that has it decides, and a directory's content is what all of them have
 * in it. As rsync would copy one tree after the other onto the image, with two differences: a directory whose place a link to a
 * directory has is that directory (`lib` in a tree of merged /usr), and the top folder of a tree is not part of it. Pure.
 */
import { isWithin, joinPath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../entry.ts";
import type { VersionTable } from "../store/version-table.ts";

export interface Layer {
  readonly name: string;
  readonly table: VersionTable;
}

export interface LaidEntry {
  /** As it is to be, complete. */
  readonly entry: FileEntry;
  readonly layer: Layer;
  /** Of the entry in the layer's table that carries its content. */
  readonly place: number;
}

export interface LaidTree {
  readonly laid: ReadonlyMap<RelPath, LaidEntry>;
  /** Directories of what is below that give way to something else, with all that is in them. */
  readonly gone: ReadonlySet<RelPath>;
}

/** Lays the layers, the weakest first. */
export function layOver(base: VersionTable, layers: readonly Layer[]): LaidTree {
  const laying = new Laying(base);
  for (const layer of layers) {
    laying.add(layer);
  }
  return { laid: withLeaders(laying.laid), gone: laying.gone };
}

/** What is put at a path: a name of an inode of its layer. */
interface Name {
  readonly layer: Layer;
  readonly entry: FileEntry;
  /** The layer's path that carries the inode's content. */
  readonly leader: RelPath;
}

/** Links that are followed on the way to one directory, as Linux does. */
const linkLimit = 40;

class Laying {
  readonly laid = new Map<RelPath, Name>();
  readonly gone = new Set<RelPath>();
  readonly #base: VersionTable;

  constructor(base: VersionTable) {
    this.#base = base;
  }

  add(layer: Layer): void {
    const { table } = layer;
    /** Where the layer's directories come to lie. */
    const folders = new Map<RelPath, RelPath>([[rootPath, rootPath]]);
    for (let place = 0; place < table.length; place++) {
      const entry = table.entryAt(place);
      const parent = entry.path === rootPath ? undefined : folders.get(parentPath(entry.path));
      if (parent !== undefined) {
        const path = joinPath(parent, entry.path.slice(entry.path.lastIndexOf("/") + 1));
        const linked = entry.kind === "directory" ? this.#linkedDirectory(path) : undefined;
        if (entry.kind === "directory") {
          folders.set(entry.path, linked ?? path);
        } else {
          this.#clear(path);
        }
        if (linked === undefined) {
          const leader = entry.kind === "hardlink" ? entry.target : entry.path;
          this.laid.set(path, { layer, entry: { ...entry, path }, leader });
        }
      }
    }
  }

  /** What stands at a path so far: a further name of an inode as what its inode is. */
  #find(path: RelPath): FileEntry | undefined {
    const name = this.laid.get(path);
    if (name !== undefined) {
      return name.entry.kind === "hardlink" ? name.layer.table.find(name.leader) : name.entry;
    }
    for (let above = path; this.gone.size > 0 && above !== rootPath; above = parentPath(above)) {
      if (this.gone.has(above)) {
        return undefined;
      }
    }
    const entry = this.#base.find(path);
    return entry?.kind === "hardlink" ? this.#base.find(entry.target) : entry;
  }

  /** Where a link at a path leads, if that is a directory of the tree. */
  #linkedDirectory(link: RelPath): RelPath | undefined {
    if (this.#find(link)?.kind !== "symlink") {
      return undefined;
    }
    let at: RelPath = rootPath;
    let links = 0;
    const names: string[] = link.split("/");
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === "..") {
        at = parentPath(at);
      } else if (name !== "" && name !== ".") {
        const path = joinPath(at, name);
        const entry = this.#find(path);
        if (entry?.kind === "symlink" && links < linkLimit) {
          links += 1;
          at = entry.target.startsWith("/") ? rootPath : at;
          names.unshift(...entry.target.split("/"));
        } else if (entry?.kind === "directory") {
          at = path;
        } else {
          return undefined;
        }
      }
    }
    return at;
  }

  /** Makes a path free for what is no directory. */
  #clear(path: RelPath): void {
    if (this.#find(path)?.kind !== "directory") {
      return;
    }
    this.gone.add(path);
    for (const other of this.laid.keys()) {
      if (isWithin(other, path)) {
        this.laid.delete(other);
      }
    }
  }
}

/** The first name of each inode carries its content, as in every listing: others may have been laid over the one that did. */
function withLeaders(names: ReadonlyMap<RelPath, Name>): ReadonlyMap<RelPath, LaidEntry> {
  const laid = new Map<RelPath, LaidEntry>();
  const leaders = new Map<Layer, Map<RelPath, RelPath>>();
  for (const [path, { layer, entry, leader }] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = leaders.get(layer) ?? new Map<RelPath, RelPath>();
    leaders.set(layer, known);
    const first = known.get(leader);
    const place = layer.table.table.indexOf(leader);
    if (first === undefined || entry.kind === "directory") {
      known.set(leader, path);
      laid.set(path, { layer, place, entry: { ...layer.table.entryAt(place), path } });
    } else {
      laid.set(path, { layer, place, entry: linkTo(first, entry) });
    }
  }
  return laid;
}

function linkTo(target: RelPath, name: FileEntry): FileEntry {
  const { path, mode, uid, gid, mtime, extended } = name;
  const known = extended === undefined ? {} : { extended };
  return { kind: "hardlink", path, mode, uid, gid, mtime, ...known, target };
}
