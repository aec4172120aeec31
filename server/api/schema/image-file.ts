/** Images from and to files: import, export, and what is taken over from a SystemImager server. */
import { z } from "zod";
import { version, versionWord } from "./common.ts";

/** One of `tar`, `folder` and `disk`: absolute paths on the server. The image must not exist. */
export const ImportRequest = z.strictObject({
  tar: z.string().min(1).max(4096).optional(),
  folder: z.string().min(1).max(4096).optional(),
  /** Raw or qcow2, also compressed. */
  disk: z.string().min(1).max(4096).optional(),
  /** An OCI or `docker save` archive, also compressed. */
  container: z.string().min(1).max(4096).optional(),
  /** Which image of that archive. */
  reference: z.string().min(1).max(1024).optional(),
  message: z.string().max(4096).optional(),
});
export type ImportRequest = z.infer<typeof ImportRequest>;

/** What was /var/lib/systemimager on a SystemImager server, copied to this one, or a copy of its root; an absolute path. */
export const TakeOverRequest = z.strictObject({
  folder: z.string().min(1).max(4096),
  /** cluster.xml, where it is not found by itself. */
  cluster: z.string().min(1).max(4096).optional(),
  /** Only these; all where none is named. */
  images: z.array(z.string().min(1).max(255)).max(10_000).optional(),
  /** Answers with the plan and changes nothing. */
  dryRun: z.boolean().optional(),
});
export type TakeOverRequest = z.infer<typeof TakeOverRequest>;

const takeOverScript = z.object({ stage: z.enum(["pre-install", "post-install"]), name: z.string() });

/** What is taken from a SystemImager server, and what is not. */
export const TakeOverPlan = z.object({
  images: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      host: z.string().optional(),
      layout: z.string().optional(),
    }),
  ),
  overrides: z.array(z.string()),
  scripts: z.array(takeOverScript),
  nodes: z.array(
    z.object({
      name: z.string(),
      macs: z.array(z.string()),
      ip: z.string().optional(),
      groups: z.array(z.string()),
    }),
  ),
  notes: z.array(z.string()),
});
export type TakeOverPlan = z.infer<typeof TakeOverPlan>;

export const TakeOverResult = z.object({
  images: z.array(z.object({ image: z.string(), version, files: z.number(), bytes: z.number() })),
  overrides: z.array(z.string()),
  scripts: z.array(takeOverScript),
  nodes: z.array(z.string()),
  notes: z.array(z.string()),
  /** What was to be taken and could not. */
  failures: z.array(z.string()),
});
export type TakeOverResult = z.infer<typeof TakeOverResult>;

/** `file` is an absolute path on the server: a tar, compressed where it ends with `.zst`, or with `disk` a disk that boots, or an OCI archive. */
export const ExportRequest = z.strictObject({
  file: z.string().min(1).max(4096),
  version: versionWord.optional(),
  replace: z.boolean().optional(),
  container: z.boolean().optional(),
  disk: z
    .strictObject({
      format: z.enum(["raw", "qcow2"]),
      /** Of the disk, in bytes. */
      bytes: z.int().positive(),
      firmware: z.enum(["bios", "uefi"]).optional(),
      hostname: z
        .string()
        .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/)
        .optional(),
    })
    .optional(),
});
export type ExportRequest = z.infer<typeof ExportRequest>;

export const ImportResult = z.object({
  image: z.string(),
  version,
  files: z.number(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type ImportResult = z.infer<typeof ImportResult>;

/** `bytes` is the size of the file. */
export const ExportResult = z.object({
  image: z.string(),
  version,
  file: z.string(),
  bytes: z.number(),
  notes: z.array(z.string()),
});
export type ExportResult = z.infer<typeof ExportResult>;
