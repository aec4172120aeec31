/**
 * One entry of a tree with everything about it that an image keeps. The same value describes an entry of a golden client's
 * listing, of a stored version, of a tree on disk and of a tar member.
 */
import type { RelPath } from "../base/path-bytes.ts";

/** Seconds since 1970 (may be negative or beyond 2038) and nanoseconds 0..999999999 on top. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/**
 * Extended metadata, as the pax records GNU tar writes (`SCHILY.xattr.NAME`, `SCHILY.acl.access`, `SCHILY.acl.default`,
 * `RHT.security.selinux`), key and value one character per byte. Sorted by key. The tar vocabulary is kept so that
 * nothing is translated, and so nothing is lost, between a client, a version and a node.
 */
export type ExtendedAttributes = readonly (readonly [key: string, value: string])[];

interface Metadata {
  readonly path: RelPath;
  /** Permission bits with setuid, setgid, sticky: 0..0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  /** Absent means "not known" (a bare find listing); `[]` means "known to have none". */
  readonly extended?: ExtendedAttributes;
}

export interface FileEntryRegular extends Metadata {
  readonly kind: "file";
  /** Apparent size in bytes, holes included. */
  readonly size: number;
  /** SHA-256 of the content, lower-case hex; absent where it was not read. */
  readonly digest?: string;
}

/** A further name of a regular file, device or FIFO. `target` is the bytewise first path of that inode in the tree. */
export interface FileEntryHardlink extends Metadata {
  readonly kind: "hardlink";
  readonly target: RelPath;
}

export interface FileEntryDirectory extends Metadata {
  readonly kind: "directory";
}

export interface FileEntrySymlink extends Metadata {
  readonly kind: "symlink";
  /** The raw link text, one character per byte. */
  readonly target: string;
}

export interface FileEntryDevice extends Metadata {
  readonly kind: "char-device" | "block-device";
  readonly major: number;
  readonly minor: number;
}

export interface FileEntrySpecial extends Metadata {
  readonly kind: "fifo" | "socket";
}

export type FileEntry =
  | FileEntryRegular
  | FileEntryHardlink
  | FileEntryDirectory
  | FileEntrySymlink
  | FileEntryDevice
  | FileEntrySpecial;

export type EntryKind = FileEntry["kind"];

/** What a listing knows beyond the entry: identity and change time on the machine it was made on. */
export interface ListedEntry {
  readonly entry: FileEntry;
  /** Device and inode number as `find -printf '%D:%i'` gives them. */
  readonly inode: string;
  readonly linkCount: number;
  /** Inode change time: any change of content or metadata, xattrs included, moves it. */
  readonly ctime: Timestamp;
  /** Allocated bytes (512 × %b): smaller than `size` for a sparse file. */
  readonly allocated: number;
}
