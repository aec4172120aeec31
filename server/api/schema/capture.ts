/** Golden clients: looking at one, capturing one. */
import { z } from "zod";
import { remote, selectionOptions, version } from "./common.ts";

export const PrepareRequest = z.strictObject({ ...remote });
export type PrepareRequest = z.infer<typeof PrepareRequest>;

export const CaptureRequest = z.strictObject({
  ...remote,
  image: z.string().max(128),
  message: z.string().max(4096).optional(),
  ...selectionOptions,
  /** Local filesystems other than the root's stay out too. */
  oneFileSystem: z.boolean().optional(),
  /** Shell commands for the client: before anything is read, and afterwards whatever happened. */
  before: z.string().min(1).max(4096).optional(),
  after: z.string().min(1).max(4096).optional(),
  /** Lowest CPU and I/O priority on the client. */
  nice: z.boolean().optional(),
  /** Compare all content, whatever times say. */
  checksum: z.boolean().optional(),
  /** Content bytes a second, at most. */
  limit: z.int().min(1024).optional(),
});
export type CaptureRequest = z.infer<typeof CaptureRequest>;

export const PrepareResult = z.object({
  host: z.string(),
  hostname: z.string(),
  os: z.string(),
  kernel: z.string(),
  machine: z.string(),
  firmware: z.string(),
  bootLoader: z.string(),
  disks: z.array(
    z.object({
      device: z.string(),
      size: z.number(),
      label: z.string().optional(),
      partitions: z.int(),
      model: z.string().optional(),
    }),
  ),
  mounts: z.array(
    z.object({
      mountPoint: z.string(),
      source: z.string(),
      type: z.string(),
      kind: z.string(),
      captured: z.boolean(),
      used: z.number().optional(),
    }),
  ),
  /** The autoinstallscript.conf that a capture would write. */
  layout: z.string(),
  rules: z.array(z.object({ text: z.string(), origin: z.string(), reason: z.string().optional() })),
  notes: z.array(z.string()),
});
export type PrepareResult = z.infer<typeof PrepareResult>;

export const CaptureResult = z.object({
  image: z.string(),
  version,
  files: z.number(),
  bytes: z.number(),
  sentFiles: z.number().optional(),
  sentBytes: z.number().optional(),
  notes: z.array(z.string()),
});
export type CaptureResult = z.infer<typeof CaptureResult>;
