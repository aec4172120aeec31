/** Updates and drift: the requests, and the plan that both answer with. */
import { z } from "zod";
import { nodeSelection, selectionOptions, version } from "./common.ts";

export const UpdateRequest = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128),
  dryRun: z.boolean().optional(),
  noBootloader: z.boolean().optional(),
  noDelete: z.boolean().optional(),
  /** Compares the content of every file, whatever sizes and times say. */
  checksum: z.boolean().optional(),
  reboot: z.boolean().optional(),
  ...selectionOptions,
});
export type UpdateRequest = z.infer<typeof UpdateRequest>;

/** Without `image`, each node is compared with the version it is said to have. */
export const DriftRequest = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128).optional(),
  checksum: z.boolean().optional(),
  ...selectionOptions,
});
export type DriftRequest = z.infer<typeof DriftRequest>;

/** Paths are in base/path-bytes.ts's reversible text form. */
export const PlannedAction = z.object({
  kind: z.enum(["write", "metadata", "delete"]),
  path: z.string(),
  entry: z.string().optional(),
  changes: z.array(z.string()),
  bytes: z.number().optional(),
  /** The override that the entry comes from, where it is not the version's own. */
  override: z.string().optional(),
});
export type PlannedAction = z.infer<typeof PlannedAction>;

export const PlanSummary = z.object({
  write: z.int(),
  metadata: z.int(),
  delete: z.int(),
  bytes: z.number(),
});
export type PlanSummary = z.infer<typeof PlanSummary>;

/** Of `update` (done, or with dryRun planned) and `drift`. At most 5,000 actions are listed; `summary` counts all. */
export const UpdateResult = z.object({
  node: z.string(),
  image: z.string(),
  version,
  /** What lies over the version on this node, the weakest first. */
  overrides: z.array(z.string()).optional(),
  applied: z.boolean(),
  summary: PlanSummary,
  actions: z.array(PlannedAction),
  truncated: z.boolean(),
  rules: z.array(z.object({ text: z.string(), origin: z.string(), reason: z.string().optional() })),
  notes: z.array(z.string()),
});
export type UpdateResult = z.infer<typeof UpdateResult>;
