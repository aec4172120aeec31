/**
 * What a listing does not show, and which entries a node is asked about before the plan is final: extended attributes of what has
 * changed since its last update, digests of files that would be sent and may hold what they should. Pure.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ExtendedAttributes, FileEntry, ListedEntry, Timestamp } from "../entry.ts";
import type { SyncAction } from "../sync/actions.ts";

export interface Suspicion {
  /** When the node was last brought to a version, by its own clock; absent where it never was. */
  readonly syncedAt?: Timestamp;
  /** True where the version that the node was last given has other attributes or content than this one. */
  readonly changedBefore?: (path: RelPath) => boolean;
}

/**
 * Whether an entry that looks as it should is sent again nevertheless: what changed on the node after its last update, and what is
 * other in this version than in the one the node has. A node that was never updated gets everything that has attributes.
 */
export function isSuspect(
  entry: FileEntry,
  context: {
    readonly standing: FileEntry;
    readonly listed: ListedEntry | undefined;
    readonly suspicion: Suspicion;
  },
): boolean {
  const { standing, listed, suspicion } = context;
  const read = standing.extended !== undefined && (standing.kind !== "file" || standing.digest !== undefined);
  if (read) {
    return false;
  }
  const has = (entry.extended?.length ?? 0) > 0;
  const known = standing.extended !== undefined;
  if (suspicion.changedBefore?.(entry.path) === true) {
    return true;
  }
  if (listed === undefined || suspicion.syncedAt === undefined) {
    return has && !known;
  }
  // Directories change whenever something in them does; only those with attributes are worth another look.
  return isLater(listed.ctime, suspicion.syncedAt) && (entry.kind !== "directory" || has);
}

/** Entries whose attributes the node is asked for. */
export function attributeQuestions(listed: readonly ListedEntry[], suspicion: Suspicion): readonly RelPath[] {
  return listed
    .filter(
      ({ entry, ctime }) =>
        suspicion.syncedAt === undefined ||
        isLater(ctime, suspicion.syncedAt) ||
        suspicion.changedBefore?.(entry.path) === true,
    )
    .map(({ entry }) => entry.path);
}

function isLater(time: Timestamp, than: Timestamp): boolean {
  return (
    time.seconds > than.seconds || (time.seconds === than.seconds && time.nanoseconds > than.nanoseconds)
  );
}

const answerable: ReadonlySet<string> = new Set(["content", "mtime", "mode", "owner", "group", "extended"]);

/** Files that the plan would send although what stands on the node has their size. */
export function digestQuestions(
  actions: readonly SyncAction[],
  listed: ReadonlyMap<RelPath, ListedEntry>,
): readonly RelPath[] {
  const paths = new Set<RelPath>();
  for (const action of actions) {
    if (action.kind === "write" && action.changes.every((change) => answerable.has(change))) {
      addSameSize(paths, action.entry, listed);
    }
  }
  return [...paths];
}

/** Every file of the node that has the size it should have. */
export function allDigestQuestions(
  entries: readonly FileEntry[],
  listed: ReadonlyMap<RelPath, ListedEntry>,
): readonly RelPath[] {
  const paths = new Set<RelPath>();
  for (const entry of entries) {
    addSameSize(paths, entry, listed);
  }
  return [...paths];
}

function addSameSize(paths: Set<RelPath>, entry: FileEntry, listed: ReadonlyMap<RelPath, ListedEntry>): void {
  const standing = standingFile(entry.path, listed);
  if (
    entry.kind === "file" &&
    entry.digest !== undefined &&
    entry.size > 0 &&
    standing?.entry.kind === "file" &&
    standing.entry.size === entry.size
  ) {
    paths.add(standing.entry.path);
  }
}

/** What stands at a path, by way of the name that carries a hard link's content. */
export function standingFile(
  path: RelPath,
  listed: ReadonlyMap<RelPath, ListedEntry>,
): ListedEntry | undefined {
  const standing = listed.get(path);
  return standing?.entry.kind === "hardlink" ? listed.get(standing.entry.target) : standing;
}

const label = "SCHILY.xattr.security.selinux";

/**
 * The listing with what the node has answered. An image without labels says nothing about the node's; one that an old tar made, with
 * ACLs as text, cannot be compared with the kernel's bytes, and so nothing is known.
 */
export function withAttributes(
  listed: readonly ListedEntry[],
  answers: {
    readonly entries: readonly FileEntry[];
    readonly asked: readonly RelPath[];
    readonly found: ReadonlyMap<RelPath, ExtendedAttributes>;
  },
): readonly ListedEntry[] {
  let labelled = false;
  for (const { extended } of answers.entries) {
    for (const [key] of extended ?? []) {
      if (!key.startsWith("SCHILY.xattr.")) {
        return listed;
      }
      labelled ||= key === label;
    }
  }
  const asked = new Set(answers.asked);
  return listed.map((each) => {
    if (!asked.has(each.entry.path)) {
      return each;
    }
    const extended = (answers.found.get(each.entry.path) ?? []).filter(([key]) => labelled || key !== label);
    return { ...each, entry: { ...each.entry, extended } };
  });
}

export function withDigests(
  listed: readonly ListedEntry[],
  digests: ReadonlyMap<RelPath, string>,
): readonly ListedEntry[] {
  return listed.map((each) => {
    const digest = digests.get(each.entry.path);
    return digest === undefined || each.entry.kind !== "file"
      ? each
      : { ...each, entry: { ...each.entry, digest } };
  });
}
