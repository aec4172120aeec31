/** Images and their versions. */
import { z } from "zod";
import { version, versionWord } from "./common.ts";
import { PlannedAction, PlanSummary } from "./update.ts";

export const CommitRequest = z.strictObject({ message: z.string().max(4096).optional() });
export type CommitRequest = z.infer<typeof CommitRequest>;

/** Without `version`, the newest one; with `all`, every version that the image has. */
export const VerifyRequest = z.strictObject({ version: versionWord.optional(), all: z.boolean().optional() });
export type VerifyRequest = z.infer<typeof VerifyRequest>;

/** Without `version`, the newest one. Changes that are in no version are lost with `discard`; without it they are a refusal. */
export const RollbackRequest = z.strictObject({
  version: versionWord.optional(),
  discard: z.boolean().optional(),
});
export type RollbackRequest = z.infer<typeof RollbackRequest>;

/** Gives `version` (the newest where it is left out) the name `tag`, which another version may have had. */
export const TagRequest = z.strictObject({ tag: z.string().max(64), version: versionWord.optional() });
export type TagRequest = z.infer<typeof TagRequest>;

/** With `replace`, an image that has the name already goes once the work is done. */
export const CopyRequest = z.strictObject({
  to: z.string().max(128),
  version: versionWord.optional(),
  replace: z.boolean().optional(),
});
export type CopyRequest = z.infer<typeof CopyRequest>;

export const MoveRequest = z.strictObject({ to: z.string().max(128), replace: z.boolean().optional() });
export type MoveRequest = z.infer<typeof MoveRequest>;

/** The newest `keep` versions stay, and older ones that are tagged, on a node, or being installed. */
export const PruneRequest = z.strictObject({ keep: z.int().positive(), dryRun: z.boolean().optional() });
export type PruneRequest = z.infer<typeof PruneRequest>;

export const CommitResult = z.object({
  image: z.string(),
  version,
  /** False where the tree was what the newest version is: no version was made. */
  changed: z.boolean(),
  files: z.number(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type CommitResult = z.infer<typeof CommitResult>;

export const VerifyResult = z.object({
  image: z.string(),
  version,
  /** All that were read. */
  versions: z.array(version).optional(),
  files: z.number(),
  bytes: z.number(),
  problems: z.array(z.string()),
});
export type VerifyResult = z.infer<typeof VerifyResult>;

/** What was done to the tree. */
export const RollbackResult = z.object({ image: z.string(), version, summary: PlanSummary });
export type RollbackResult = z.infer<typeof RollbackResult>;

export const CopyResult = z.object({
  image: z.string(),
  version,
  from: z.string(),
  files: z.number(),
  bytes: z.number(),
});
export type CopyResult = z.infer<typeof CopyResult>;

/** `nodes` were said to have a version of the image under its old name. */
export const MoveResult = z.object({
  from: z.string(),
  to: z.string(),
  versions: z.array(version),
  nodes: z.array(z.string()),
});
export type MoveResult = z.infer<typeof MoveResult>;

/** `bytes` are those of packs that nothing needs any more. */
export const PruneResult = z.object({
  image: z.string(),
  removed: z.array(version),
  kept: z.array(z.object({ version, reason: z.string() })),
  bytes: z.number(),
  applied: z.boolean(),
});
export type PruneResult = z.infer<typeof PruneResult>;

export const VersionTags = z.object({
  image: z.string(),
  tags: z.array(z.object({ tag: z.string(), version })),
});
export type VersionTags = z.infer<typeof VersionTags>;

export const ImageVersion = z.object({
  version,
  createdAt: z.number(),
  message: z.string(),
  /** Where it came from: a golden client's host, or absent for a commit of the tree. */
  source: z.string().optional(),
  files: z.number(),
  bytes: z.number(),
  /** Compressed bytes that it added to the store. */
  stored: z.number(),
  tags: z.array(z.string()),
});
export type ImageVersion = z.infer<typeof ImageVersion>;

/** What the installs of a version reckon with. Refused where the version has no layout to install by. */
export const ImageContent = z.object({
  image: z.string(),
  version,
  /** Of the version as a tar, in which holes take no room. */
  bytes: z.number(),
  entries: z.number(),
  /** Bytes of files, at least, by the layout's mount points. */
  filesystems: z.array(z.object({ mountPoint: z.string(), bytes: z.number() })),
});
export type ImageContent = z.infer<typeof ImageContent>;

export const ImageSummary = z.object({
  name: z.string(),
  latest: ImageVersion.optional(),
  versions: z.int(),
  /** The tree that can be changed with chroot. */
  tree: z.string(),
});
export type ImageSummary = z.infer<typeof ImageSummary>;

export const ImageList = z.object({ images: z.array(ImageSummary) });
export type ImageList = z.infer<typeof ImageList>;

/** `history` is newest first. */
export const ImageDetails = ImageSummary.extend({
  history: z.array(ImageVersion),
  /** The version that was asked for; the newest where none was. */
  version: ImageVersion.optional(),
  /** Bytes on disk that this version needs, and of those the ones that no other version shares. */
  packs: z.object({ bytes: z.number(), own: z.number() }).optional(),
  lock: z.object({ purpose: z.string(), since: z.number() }).optional(),
});
export type ImageDetails = z.infer<typeof ImageDetails>;

/** Without `to`: the newest version; without `from`: the one before `to`. */
export const ImageDiff = z.object({
  image: z.string(),
  from: version,
  to: version,
  /** As a plan that would make the one of the other. */
  summary: PlanSummary,
  counts: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
  actions: z.array(
    PlannedAction.extend({
      /** Names of the extended attributes that differ; an ACL is `acl` or `default acl`. */
      attributes: z.array(z.string()).optional(),
      /** Of a regular file, in the versions that have it. */
      bytesBefore: z.number().optional(),
      bytesAfter: z.number().optional(),
    }),
  ),
  truncated: z.boolean(),
  /** What changed among the packages of dpkg or rpm, by name; absent where neither version has any, or they cannot be listed. */
  packages: z
    .array(
      z.object({
        name: z.string(),
        kind: z.enum(["added", "removed", "upgraded", "downgraded"]),
        before: z.string().optional(),
        after: z.string().optional(),
      }),
    )
    .optional(),
  notes: z.array(z.string()),
});
export type ImageDiff = z.infer<typeof ImageDiff>;

const fileContent = z.object({
  version,
  /** False where the version has no such file. */
  exists: z.boolean(),
  bytes: z.number(),
  /** Absent where it is no text: it holds a NUL. Bytes that are not UTF-8 are read as Latin-1. */
  text: z.string().optional(),
});

/** One file in two versions, each at most 4 MiB. */
export const FileVersions = z.object({ path: z.string(), from: fileContent, to: fileContent });
export type FileVersions = z.infer<typeof FileVersions>;

export const LockRequest = z.strictObject({
  /** Shown to whoever is refused meanwhile: `chroot by root (pid 4711)`. */
  purpose: z.string().min(1).max(200),
  /** The lock ends by itself when this process of the server's machine is gone. */
  pid: z.int().positive().optional(),
});
export type LockRequest = z.infer<typeof LockRequest>;

export const ImageLock = z.object({ image: z.string(), token: z.string(), tree: z.string() });
export type ImageLock = z.infer<typeof ImageLock>;
