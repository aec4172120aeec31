/**
 * The layers of a container image as one tree. A layer is a tar of what it adds and changes; a file `.wh.NAME` in it (a whiteout) takes
 * NAME away from the layers below, and `.wh..wh..opq` all that they have in that directory (OCI image specification, "Filesystem Layer").
 */
import { baseName, escapePath, joinPath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { inSlices, type Sliced, sliceSteps, sortInSlices } from "../../base/slices.ts";
import type { FileEntry, FileEntryDirectory } from "../entry.ts";
import { type ArchiveMember, type ArchiveProblem, impliedDirectory } from "../store/archive-plan.ts";
import { stagingName } from "../sync/listing.ts";

/** Something that is no directory, and where its content is. */
export interface LayerEntry {
  readonly entry: Exclude<FileEntry, FileEntryDirectory>;
  readonly layer: number;
  /** Which member of its layer holds it; a hard link stands behind the file that it names. */
  readonly ordinal: number;
}

export interface LayerPlan {
  /** Bytewise by path. */
  readonly directories: readonly FileEntryDirectory[];
  /** By layer and ordinal. */
  readonly others: readonly LayerEntry[];
  readonly bytes: number;
}

export interface LayerProblem extends ArchiveProblem {
  readonly layer: number;
}

type Layer = readonly ArchiveMember[];

interface Standing {
  readonly member: ArchiveMember;
  readonly layer: number;
  readonly ordinal: number;
}

type Tree = Map<RelPath, Standing>;

const whiteout = ".wh.";
const opaqueWhiteout = ".wh..wh..opq";

/** Lays the layers over each other, the lowest first. In slices: there may be millions of members. */
export function* mergeLayers(layers: readonly Layer[]): Sliced<Result<LayerPlan, LayerProblem>> {
  let tree: Tree = new Map();
  for (const [layer, members] of layers.entries()) {
    const laid = yield* layOver(tree, { members, layer });
    if (!laid.ok) {
      return err({ ...laid.error, layer });
    }
    tree = laid.value;
  }
  return ok(yield* planOf(tree));
}

function* layOver(
  below: Tree,
  upper: { readonly members: Layer; readonly layer: number },
): Sliced<Result<Tree, ArchiveProblem>> {
  const { members, layer } = upper;
  const gone = yield* whiteoutsOf(members);
  if (!gone.ok) {
    return gone;
  }
  const last = new Map<RelPath, number>();
  yield* inSlices(members.entries(), ([ordinal, { entry }]) => {
    if (!baseName(entry.path).startsWith(whiteout)) {
      last.set(entry.path, ordinal);
    }
  });
  // What is no directory here can have been one below, with something in it.
  const emptied = new Set(gone.value.emptied);
  yield* inSlices(last, ([path, ordinal]) => {
    if (members[ordinal]?.entry.kind !== "directory" && below.get(path)?.member.entry.kind === "directory") {
      emptied.add(path);
    }
  });
  const tree = yield* without(below, { removed: gone.value.removed, emptied });
  // Hard links in the end: what they name may stand in this layer or below.
  const links: [RelPath, number][] = [];
  yield* inSlices(last, ([path, ordinal]) => {
    const member = members[ordinal] as ArchiveMember;
    if (member.entry.kind === "hardlink") {
      links.push([path, ordinal]);
    } else {
      tree.set(path, { member, layer, ordinal });
    }
  });
  yield* inSlices(links, ([path]) => tree.delete(path));
  const sorted = yield* sortInSlices(links, (a, b) => a[1] - b[1]);
  let steps = 0;
  for (const [path, ordinal] of sorted) {
    steps += 1;
    if (steps % sliceSteps === 0) {
      yield;
    }
    const member = members[ordinal] as ArchiveMember;
    const target = (member.entry as { readonly target: RelPath }).target;
    const found = tree.get(target);
    if (
      found === undefined ||
      found.member.entry.kind === "directory" ||
      (last.get(target) ?? -1) > ordinal
    ) {
      const message = `it is a link to '${escapePath(target)}', which is no file before it`;
      return err({ message, path, offset: member.offset });
    }
    tree.set(path, found);
  }
  for (const [path, ordinal] of last) {
    steps += 1;
    if (steps % sliceSteps === 0) {
      yield;
    }
    const { offset } = members[ordinal] as ArchiveMember;
    const problem = parentProblem(path, tree);
    if (problem !== undefined) {
      return err({ message: problem, path, offset });
    }
    for (let at = path; at !== rootPath; ) {
      at = parentPath(at);
      const member = { entry: impliedDirectory(at), dataLength: 0, offset };
      tree.set(at, tree.get(at) ?? { member, layer, ordinal });
    }
  }
  return ok(tree);
}

interface Whiteouts {
  /** Gone with all that is in them. */
  readonly removed: ReadonlySet<RelPath>;
  /** What is in them is gone. */
  readonly emptied: ReadonlySet<RelPath>;
}

function* whiteoutsOf(members: Layer): Sliced<Result<Whiteouts, ArchiveProblem>> {
  const removed = new Set<RelPath>();
  const emptied = new Set<RelPath>();
  for (const [ordinal, { entry, offset }] of members.entries()) {
    if (ordinal % sliceSteps === sliceSteps - 1) {
      yield;
    }
    const name = baseName(entry.path);
    if (!name.startsWith(whiteout)) {
      continue;
    }
    const hidden = name.slice(whiteout.length);
    if (name === opaqueWhiteout) {
      emptied.add(parentPath(entry.path));
    } else if (hidden === "" || hidden === "." || hidden === "..") {
      return err({ message: "it takes away what has no name", path: entry.path, offset });
    } else if (!hidden.startsWith(whiteout)) {
      // The others are notes of a storage driver to itself.
      removed.add(joinPath(parentPath(entry.path), hidden));
    }
  }
  return ok({ removed, emptied });
}

/** The tree itself where nothing goes: most layers only add. */
function* without(tree: Tree, { removed, emptied }: Whiteouts): Sliced<Tree> {
  if (removed.size === 0 && emptied.size === 0) {
    return tree;
  }
  const isGone = (path: RelPath): boolean => {
    for (let at = path; at !== rootPath; at = parentPath(at)) {
      if (removed.has(at) || emptied.has(parentPath(at))) {
        return true;
      }
    }
    return false;
  };
  const left: Tree = new Map();
  yield* inSlices(tree, ([path, standing]) => {
    if (!isGone(path)) {
      left.set(path, standing);
    }
  });
  return left;
}

function parentProblem(path: RelPath, tree: Tree): string | undefined {
  for (let at = path; at !== rootPath; at = parentPath(at)) {
    if (at === stagingName) {
      return `'${stagingName}' is a name that Ingot needs`;
    }
    const kind = tree.get(parentPath(at))?.member.entry.kind ?? "directory";
    if (kind !== "directory") {
      return `it lies below '${escapePath(parentPath(at))}', which is a ${kind}`;
    }
  }
  return undefined;
}

function* planOf(tree: Tree): Sliced<LayerPlan> {
  const directories = new Map<RelPath, FileEntryDirectory>([[rootPath, impliedDirectory(rootPath)]]);
  const others: LayerEntry[] = [];
  const firstNames = new Map<string, RelPath>();
  let bytes = 0;
  const paths = yield* sortInSlices([...tree.keys()], (a, b) => (a < b ? -1 : 1));
  yield* inSlices(paths, (path) => {
    const { member, layer, ordinal } = tree.get(path) as Standing;
    const { entry } = member;
    if (entry.kind === "directory") {
      directories.set(path, { ...entry, path });
      return;
    }
    const first = firstNames.get(`${layer}:${ordinal}`);
    if (first === undefined) {
      firstNames.set(`${layer}:${ordinal}`, path);
      others.push({ entry: { ...entry, path }, layer, ordinal });
      bytes += member.dataLength;
    } else {
      others.push({ entry: linkTo(first, entry, path), layer, ordinal });
    }
  });
  return {
    // In the order of their paths, which begins with the root.
    directories: [...directories.values()],
    others: yield* sortInSlices(others, (a, b) => a.layer - b.layer || a.ordinal - b.ordinal),
    bytes,
  };
}

function linkTo(target: RelPath, entry: FileEntry, path: RelPath): LayerEntry["entry"] {
  const { mode, uid, gid, mtime, extended } = entry;
  const known = extended === undefined ? {} : { extended };
  return { kind: "hardlink", path, target, mode, uid, gid, mtime, ...known };
}
