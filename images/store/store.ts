/**
 * The image store as the rest of Ingot sees it. An image is a tree to chroot into; a version is an immutable commit of it.
 * Errors of every operation: `not-found` (no such image, version, path), `conflict` (somebody holds the image; the message
 * says who), `corrupt` (stored bytes are not what was stored; the message names image, version and path), `no-space`,
 * `cancelled`, `io`.
 */
import type { RelPath } from "../../base/path-bytes.ts";
import type { ProgressSink } from "../../base/ports.ts";
import type { GoldenFacts } from "../capture/facts.ts";
import type { MachineSystem } from "../disk/machine-system.ts";
import type { ExtendedAttributes, FileEntry } from "../entry.ts";
import type { ImageName, Manifest, VersionId, VersionRef, VersionSource } from "../manifest.ts";
import type { KnownBlocks } from "../remote/known-blocks.ts";
import type { Change, PlanSummary } from "../sync/actions.ts";
import type { VersionTable } from "./version-table.ts";

export interface WaitOptions {
  readonly onProgress?: ProgressSink;
  readonly signal?: AbortSignal;
}

/** Held by one at a time, over processes; freed by `release` or by the death of the process. */
export interface ImageLock {
  readonly image: ImageName;
  readonly holder: string;
  release(): Promise<void>;
}

/** What a capture has already learnt about an entry that it has just written to the tree. */
export interface KnownContent {
  /** SHA-256 of the content, lower-case hex. */
  readonly digest?: string;
  readonly extended: ExtendedAttributes;
}

export interface CommitOptions extends WaitOptions {
  readonly message: string;
  readonly source?: VersionSource;
  /** The caller's own lock on the image; without it, commit takes one for its duration. */
  readonly lock?: ImageLock;
  /**
   * Asked for every entry that is not known to be unchanged, with what `lstat` says of it now. An answer spares reading
   * the entry, as far as its content is in the store already: content that must be stored is read, and is hashed as it
   * is read, because a version says what was stored, not what somebody saw. Answer only for what has this size and mtime.
   */
  readonly known?: (entry: FileEntry) => KnownContent | undefined;
  /** Told of every entry that was read or that `known` answered for, with its digest. */
  readonly onStored?: (entry: FileEntry) => void;
  /** Makes a version although nothing changed. */
  readonly allowEmpty?: boolean;
}

export interface CommitResult {
  readonly manifest: Manifest;
  /** False where the tree equals its newest version: no version was made, and `manifest` is that one. */
  readonly created: boolean;
  /** Entries that were read because they were not known to be unchanged, and their content bytes. */
  readonly read: { readonly entries: number; readonly bytes: number };
}

/** A whole version as one zstd-compressed tar: `zstd -dc | tar -x --numeric-owner -p --xattrs --xattrs-include='*'`. */
export interface VersionStream {
  readonly manifest: Manifest;
  /** Uncompressed tar bytes of the whole stream, its end-of-archive blocks included. */
  readonly bytes: number;
  /** Compressed bytes; absent where parts are compressed while streaming. */
  readonly compressedBytes?: number;
  /** Tar members. */
  readonly entries: number;
  /** Must be read to its end or `return()`ed. */
  readonly stream: AsyncIterable<Uint8Array>;
}

export interface ImageSummary {
  readonly image: ImageName;
  /** The newest version; absent before the first commit. */
  readonly newest?: Manifest;
  readonly versions: number;
  readonly lockedBy?: string;
}

export interface VersionDetails {
  readonly manifest: Manifest;
  /** Bytes on disk of the packs it uses, and of those that no other version uses. */
  readonly packBytes: number;
  readonly ownPackBytes: number;
  readonly tags: readonly string[];
}

export interface RollbackOptions extends WaitOptions {
  /** Changes of the tree that are in no version are lost; without it they make the rollback `refused`. */
  readonly discard?: boolean;
}

export interface RollbackResult {
  readonly manifest: Manifest;
  readonly summary: PlanSummary;
}

/** Where a new image comes from: absolute paths on the server. */
export type ImportSource =
  /** Uncompressed, or by zstd, gzip, xz or bzip2. */
  | { readonly kind: "tar"; readonly file: string }
  | { readonly kind: "folder"; readonly folder: string }
  /** Raw or qcow2, also compressed. Its partitions become the layout. */
  | { readonly kind: "disk"; readonly file: string }
  | ContainerSource;

/** An archive in the OCI image layout or as `docker save` writes it; its layers become one tree. */
export interface ContainerSource {
  readonly kind: "container";
  readonly file: string;
  /** Which of its images, where it holds several. */
  readonly reference?: string;
}

export interface ImportOptions extends WaitOptions {
  readonly message: string;
  /** Where a directory comes from, as far as somebody knows. */
  readonly source?: VersionSource;
  /** A layout for a directory that has none; one character per byte. */
  readonly layoutText?: string;
  /** Makes the text of a disk's layout; asked once, for disks. */
  readonly layout?: (facts: GoldenFacts) => string;
  /** Finds what a virtual machine boots that reads disks with arrays or volume groups; without it they are refused. */
  readonly machine?: () => Promise<MachineSystem>;
  /** Told what was left out or mended, one sentence each. */
  readonly onNote?: (note: string) => void;
}

export interface ReplaceOptions extends WaitOptions {
  /** An image that has the new name goes, in the moment in which the new one stands; until then nothing has happened to it. */
  readonly replace?: boolean;
}

export interface ExportOptions extends WaitOptions {
  /** A file that stands there is replaced. */
  readonly replace?: boolean;
}

export interface PruneOptions {
  /** How many of the newest versions stay in any case; at least one. */
  readonly keep: number;
  /** Why somebody needs a version, if anybody does. */
  readonly inUse: (version: VersionId) => string | undefined;
  readonly dryRun?: boolean;
}

export interface PruneResult {
  /** What was removed, or with `dryRun` would be. */
  readonly removed: readonly VersionId[];
  /** Older versions that stay, and why. */
  readonly kept: readonly { readonly version: VersionId; readonly reason: string }[];
  readonly packBytes: number;
}

/** One damaged thing. A damaged pack is listed once for each path that cannot be read from it. */
export interface Damage {
  readonly version: VersionId;
  /** Absent where a manifest or a pack's index cannot be read at all. */
  readonly path?: RelPath;
  readonly pack?: string;
  readonly problem: string;
}

export interface VerifyReport {
  readonly versions: readonly VersionId[];
  readonly entries: number;
  /** Content bytes that were read and found right. */
  readonly bytes: number;
  readonly damage: readonly Damage[];
}

export interface EntryDifference {
  readonly path: RelPath;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: FileEntry;
  readonly after?: FileEntry;
  /** What differs, of changed entries. */
  readonly changes: readonly Change[];
}

export interface MembersOptions {
  /** `given` (unless told): as the paths are. `stored`: as they lie in the packs, which are then read once, from front to back. */
  readonly order?: "given" | "stored";
  /** The version's table, where the caller has it: its manifest need not be read again. */
  readonly table?: VersionTable;
  /** Without end-of-archive blocks: more members follow. */
  readonly continues?: boolean;
  /** In stored order, told of each read of a pack. */
  readonly onRead?: (frames: number) => void;
  readonly signal?: AbortSignal;
}

/** Reading versions: all that install, update and drift need. */
export interface VersionReader {
  /** What is known of the blocks of large files. */
  readonly blocks: KnownBlocks;
  /** The folder that is (or will be) the image's tree. */
  treePath(image: ImageName): string;
  /** Finds the version that `ref` means. */
  resolve(ref: VersionRef): Promise<Manifest>;
  /** Every entry in bytewise path order, complete with digests and extended attributes. */
  entries(ref: VersionRef): AsyncIterable<FileEntry>;
  /** The same as a table, for those who look things up in it. */
  table(ref: VersionRef): Promise<VersionTable>;
  versionStream(ref: VersionRef, options?: { readonly signal?: AbortSignal }): Promise<VersionStream>;
  /**
   * An uncompressed tar of just these members, ended with end-of-archive blocks. A hard link comes as a link to its target,
   * whether the target is asked for or not. In stored order the paths are gone through once and not kept.
   */
  members(ref: VersionRef, paths: Iterable<RelPath>, options?: MembersOptions): AsyncIterable<Uint8Array>;
  /** The content of one regular file or of a further name of one; `refused` over `limit` bytes. */
  readFile(ref: VersionRef, path: RelPath, options: { readonly limit: number }): Promise<Uint8Array>;
}

export interface ImageStore extends VersionReader {
  /** Makes the image's folder where it is not there yet, and returns it. Only for the holder of the image. */
  prepareTree(lock: ImageLock): Promise<string>;
  /** Takes the image, or throws `conflict` naming the holder at once. */
  lock(image: ImageName, options: { readonly holder: string }): Promise<ImageLock>;
  /** Makes a version of the tree as it is now. */
  commit(image: ImageName, options: CommitOptions): Promise<CommitResult>;
  list(): Promise<readonly ImageSummary[]>;
  /** All versions, oldest first. */
  history(image: ImageName): Promise<readonly Manifest[]>;
  show(ref: VersionRef): Promise<VersionDetails>;
  /** Reads everything that a version (or, without a number, every version of the image) needs. */
  verify(ref: VersionRef, options?: WaitOptions): Promise<VerifyReport>;
  diff(before: VersionRef, after: VersionRef): AsyncIterable<EntryDifference>;
  /** The image's tags and the numbers of their versions, by name. */
  tags(image: ImageName): Promise<ReadonlyMap<string, number>>;
  /** Gives a version a name, which another version of the image may have had. */
  tag(ref: VersionRef, tag: string): Promise<VersionId>;
  untag(image: ImageName, tag: string): Promise<void>;
  /** Makes the tree what a version is. `refused` while the tree has changes that are in no version. */
  rollback(ref: VersionRef, options?: RollbackOptions): Promise<RollbackResult>;
  /** Makes a new image whose first version and tree are this version. */
  copy(from: VersionRef, to: ImageName, options?: ReplaceOptions): Promise<Manifest>;
  /** Renames an image with its tree, versions and tags; returns the manifests as they are now. */
  move(from: ImageName, to: ImageName, options?: ReplaceOptions): Promise<readonly Manifest[]>;
  /** Removes old versions and the packs that nothing needs any more. */
  prune(image: ImageName, options: PruneOptions): Promise<PruneResult>;
  /** Makes a new image. `hostile` where an archive is damaged, cut short or leaves its tree; then nothing is left of it. */
  importImage(image: ImageName, source: ImportSource, options: ImportOptions): Promise<CommitResult>;
  /** Writes a version as a tar file at an absolute path, compressed where that ends with `.zst`. */
  exportTar(
    ref: VersionRef,
    file: string,
    options?: ExportOptions,
  ): Promise<{ readonly manifest: Manifest; readonly bytes: number }>;
  /** Writes a version as an OCI archive of one layer at an absolute path. `docker load` takes it too. */
  exportContainer(
    ref: VersionRef,
    file: string,
    options?: ExportOptions,
  ): Promise<{ readonly manifest: Manifest; readonly bytes: number }>;
  /** Removes the image: its tree and its versions; packs that nothing else uses are collected. */
  remove(image: ImageName, options?: { readonly signal?: AbortSignal }): Promise<void>;
}
