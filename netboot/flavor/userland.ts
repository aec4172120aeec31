/** Chooses the ramdisk's programs from packages, and the shared libraries those need. */
import { baseName, joinPath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { RamdiskEntry } from "./cpio.ts";
import { readElf } from "./elf.ts";
import { closeLibraries, type Linked } from "./library-closure.ts";
import type { PackageSelection } from "./package-list.ts";
import { matchesPath } from "./path-pattern.ts";
import { resolve } from "./ramdisk-tree.ts";

/** A file or link of a package, with the package it is from. */
export type PackagedEntry = Extract<RamdiskEntry, { kind: "file" | "symlink" }> & { readonly from: string };

export interface Userland {
  readonly entries: readonly PackagedEntry[];
}

const libraryPath = /^usr\/lib(64)?\/(.+\/)?[^/]+\.so(\.[0-9.]+)?$/;

/** True for what must be kept when a package is read: what is chosen of it, and every shared library. */
export function isCandidate(path: RelPath, selection: PackageSelection | undefined): boolean {
  return libraryPath.test(path) || (selection?.files.some((pattern) => matchesPath(path, pattern)) ?? false);
}

/** Picks what the selections name and closes it over DT_NEEDED. */
export function chooseUserland(
  candidates: readonly PackagedEntry[],
  selections: readonly PackageSelection[],
): Result<Userland, string> {
  const chosen = new Map<RelPath, PackagedEntry>();
  for (const selection of selections) {
    const own = candidates.filter((entry) => entry.from === selection.name);
    for (const pattern of selection.files) {
      const found = own.filter((entry) => matchesPath(entry.path, pattern));
      if (found.length === 0) {
        return err(`package ${selection.name} has nothing that matches '${pattern}'`);
      }
      for (const entry of found) {
        chosen.set(entry.path, entry);
      }
    }
  }
  return addLibraries(chosen, candidates);
}

interface Library extends Linked {
  readonly file: PackagedEntry;
}

function addLibraries(
  chosen: ReadonlyMap<RelPath, PackagedEntry>,
  candidates: readonly PackagedEntry[],
): Result<Userland, string> {
  const byPath = new Map<RelPath, PackagedEntry>(candidates.map((entry) => [entry.path, entry]));
  const folders = new Map<RelPath, RamdiskEntry>(byPath);
  for (const path of byPath.keys()) {
    for (let folder = parentPath(path); folder !== ""; folder = parentPath(folder)) {
      folders.set(folder, { kind: "directory", path: folder, mode: 0o755 });
    }
  }
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    folders.set(name as RelPath, { kind: "symlink", path: name as RelPath, target: `usr/${name}` });
  }
  const bySoname = new Map<string, RelPath>();
  for (const path of [...byPath.keys()].filter((one) => libraryPath.test(one)).sort(shallowFirst)) {
    const soname = baseName(path);
    bySoname.set(soname, bySoname.get(soname) ?? path);
  }
  function find(soname: string): Library | undefined {
    const path = bySoname.get(soname);
    const target = path === undefined ? undefined : resolve(path, folders);
    const file = target === undefined ? undefined : byPath.get(target);
    return file === undefined ? undefined : { path: file.path, needed: needs(file), file };
  }
  const programs = Array.from(chosen.values(), (entry) => ({ path: entry.path, needed: needs(entry) }));
  const closure = closeLibraries(programs, find);
  const [lost] = closure.missing;
  if (lost !== undefined) {
    return err(`no package brings ${lost.soname}, which ${lost.neededBy} needs`);
  }
  const all = new Map(chosen);
  for (const library of closure.libraries) {
    all.set(library.file.path, library.file);
  }
  for (const linked of [...programs, ...closure.libraries]) {
    for (const soname of linked.needed) {
      const path = bySoname.get(soname);
      const link = path === undefined ? undefined : byPath.get(path);
      if (link?.kind === "symlink") {
        all.set(link.path, link);
      }
    }
  }
  return ok({ entries: [...all.values()] });
}

/** Names of the libraries a file asks for; none for scripts, links and static programs. */
function needs(entry: PackagedEntry): readonly string[] {
  return entry.kind === "file" ? (readElf(entry.data)?.needed ?? []) : [];
}

/** The loader's own folders come before private ones below them. */
function shallowFirst(a: RelPath, b: RelPath): number {
  return a.split("/").length - b.split("/").length || (joinPath(a, "") < joinPath(b, "") ? -1 : 1);
}
