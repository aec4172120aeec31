/** What differs between an entry of the source and the entry that stands at its place on the target. */
import type { ExtendedAttributes, FileEntry, FileEntryRegular, Timestamp } from "../entry.ts";
import type { Change } from "./actions.ts";

export interface CompareOptions {
  readonly checksum?: boolean;
}

/** The changes that turn `target` into `source`, hard links aside; empty where they are the same. */
export function changesBetween(
  source: FileEntry,
  target: FileEntry,
  options: CompareOptions,
): readonly Change[] {
  if (source.kind !== target.kind) {
    return ["type"];
  }
  const changes: Change[] = [];
  if (source.kind === "file" && target.kind === "file" && contentDiffers(source, target, options)) {
    changes.push("content");
  }
  if (source.kind === "symlink" && target.kind === "symlink" && source.target !== target.target) {
    changes.push("link-target");
  }
  if (
    (source.kind === "char-device" || source.kind === "block-device") &&
    (target.kind === "char-device" || target.kind === "block-device") &&
    (source.major !== target.major || source.minor !== target.minor)
  ) {
    changes.push("device-number");
  }
  if (!sameTime(source.mtime, target.mtime)) {
    changes.push("mtime");
  }
  if (source.mode !== target.mode && source.kind !== "symlink") {
    changes.push("mode");
  }
  if (source.uid !== target.uid) {
    changes.push("owner");
  }
  if (source.gid !== target.gid) {
    changes.push("group");
  }
  if (!sameExtended(source.extended, target.extended)) {
    changes.push("extended");
  }
  return changes;
}

/**
 * True where a member is what was listed, as far as a listing tells (attributes it does not): the question for every member of a stream, so the usual
 * answer is found without making a list of changes.
 */
export function sameAsListed(listed: FileEntry, member: FileEntry): boolean {
  if (listed.kind === "file" && member.kind === "file") {
    return (
      listed.size === member.size &&
      sameTime(listed.mtime, member.mtime) &&
      listed.mode === member.mode &&
      listed.uid === member.uid &&
      listed.gid === member.gid
    );
  }
  return changesBetween(listed, { ...member, extended: listed.extended ?? [] }, {}).length === 0;
}

/** Digests decide where both are known; else size and time stand for the content, as they do for rsync. */
function contentDiffers(
  source: FileEntryRegular,
  target: FileEntryRegular,
  options: CompareOptions,
): boolean {
  if (source.size !== target.size) {
    return true;
  }
  if (source.digest !== undefined && target.digest !== undefined) {
    return source.digest !== target.digest;
  }
  return options.checksum === true || !sameTime(source.mtime, target.mtime);
}

export function sameTime(a: Timestamp, b: Timestamp): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

/** Unknown on either side is no difference: what was not read cannot be compared. */
export function sameExtended(a: ExtendedAttributes | undefined, b: ExtendedAttributes | undefined): boolean {
  if (a === undefined || b === undefined || a === b) {
    return true;
  }
  return (
    a.length === b.length &&
    a.every(([key, value], index) => key === b[index]?.[0] && value === b[index]?.[1])
  );
}
