/**
 * What of a foreign archive becomes the tree: a later member of a name replaces an earlier one, directories that are only
 * implied are made, and what cannot be a tree is refused with the place where the archive says it.
 */
import { escapePath, parentPath, type RelPath, rootPath } from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { inSlices, type Sliced, sliceSteps, sortInSlices } from "../../base/slices.ts";
import type { FileEntry, FileEntryDirectory } from "../entry.ts";
import { stagingName } from "../sync/listing.ts";

/** A member as the first reading found it. */
export interface ArchiveMember {
  readonly entry: FileEntry;
  /** Bytes of its data in the archive. */
  readonly dataLength: number;
  /** Bytes of the archive before its data. */
  readonly offset: number;
}

/** Bytes of memory that a member takes while it is planned, roughly. */
export function memberWeight(entry: FileEntry): number {
  const text = entry.kind === "symlink" || entry.kind === "hardlink" ? entry.target.length : 0;
  const extended = (entry.extended ?? []).reduce(
    (sum, [name, value]) => sum + name.length + value.length + 100,
    0,
  );
  return 400 + entry.path.length + text + extended;
}

export interface ArchivePlan {
  /** Bytewise by path, so that each comes before what is in it. */
  readonly directories: readonly FileEntryDirectory[];
  /** Everything else in the archive's order, with its ordinal there. */
  readonly others: readonly { readonly entry: FileEntry; readonly ordinal: number }[];
  /** Content bytes that will be written. */
  readonly bytes: number;
  /** Directories that the archive does not hold. */
  readonly implied: number;
}

export interface ArchiveProblem {
  readonly message: string;
  readonly path: RelPath;
  readonly offset: number;
}

/** Plans the whole archive. In slices: there may be millions of members. */
export function* planArchive(members: readonly ArchiveMember[]): Sliced<Result<ArchivePlan, ArchiveProblem>> {
  const last = new Map<RelPath, number>();
  yield* inSlices(members.entries(), ([ordinal, { entry }]) => {
    last.set(entry.path, ordinal);
  });
  const directories = new Map<RelPath, FileEntryDirectory>();
  const others: { readonly entry: FileEntry; readonly ordinal: number }[] = [];
  let bytes = 0;
  yield* inSlices(last, ([path, ordinal]) => {
    const member = members[ordinal] as ArchiveMember;
    if (member.entry.kind === "directory") {
      directories.set(path, member.entry);
    } else {
      others.push({ entry: member.entry, ordinal });
      bytes += member.dataLength;
    }
  });
  const given = directories.size;
  for (const [ordinal, { entry, offset }] of members.entries()) {
    if (ordinal % sliceSteps === sliceSteps - 1) {
      yield;
    }
    const problem =
      last.get(entry.path) === ordinal ? problemOf(entry, { ordinal, last, members }) : undefined;
    if (problem !== undefined) {
      return err({ message: problem, path: entry.path, offset });
    }
    addParents(entry, directories);
  }
  directories.set(rootPath, directories.get(rootPath) ?? impliedDirectory(rootPath));
  return ok({
    directories: yield* sortInSlices([...directories.values()], (a, b) => (a.path < b.path ? -1 : 1)),
    others: yield* sortInSlices(others, (a, b) => a.ordinal - b.ordinal),
    bytes,
    implied: directories.size - given,
  });
}

function problemOf(
  entry: FileEntry,
  archive: {
    readonly ordinal: number;
    readonly last: ReadonlyMap<RelPath, number>;
    readonly members: readonly ArchiveMember[];
  },
): string | undefined {
  const { ordinal, last, members } = archive;
  for (let path = entry.path; path !== ""; path = parentPath(path)) {
    if (path === stagingName) {
      return `'${stagingName}' is a name that Ingot needs`;
    }
    const parent = last.get(parentPath(path));
    const kind = parent === undefined ? "directory" : members[parent]?.entry.kind;
    if (kind !== "directory") {
      return `it lies below '${escapePath(parentPath(path))}', which is a ${kind}`;
    }
  }
  if (entry.kind !== "hardlink") {
    return undefined;
  }
  const target = last.get(entry.target);
  const kind = target === undefined ? undefined : members[target]?.entry.kind;
  return target === undefined || target > ordinal || kind === "directory"
    ? `it is a link to '${escapePath(entry.target)}', which is no file before it`
    : undefined;
}

function addParents(entry: FileEntry, directories: Map<RelPath, FileEntryDirectory>): void {
  for (let path = entry.path; path !== ""; ) {
    path = parentPath(path);
    if (directories.has(path)) {
      // Its own parents were looked at, or will be, with the member that gave it.
      return;
    }
    directories.set(path, impliedDirectory(path));
  }
}

/** A directory that an archive only implies by what is in it. */
export function impliedDirectory(path: RelPath): FileEntryDirectory {
  return {
    kind: "directory",
    path,
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    extended: [],
  };
}
