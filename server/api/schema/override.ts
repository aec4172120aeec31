/** Overrides: trees that lie over images on nodes. */
import { z } from "zod";
import { nodeSelection, selectionOptions, version } from "./common.ts";

/** Only what the nodes' overrides lay, over the version that they are said to have or over `image`. */
export const OverridesPush = z.strictObject({
  nodes: nodeSelection,
  image: z.string().max(128).optional(),
  dryRun: z.boolean().optional(),
  noBootloader: z.boolean().optional(),
  ...selectionOptions,
});
export type OverridesPush = z.infer<typeof OverridesPush>;

export const OverrideList = z.object({
  overrides: z.array(
    z.object({
      name: z.string(),
      /** Of whom: `all nodes`, `node web01`, `group compute`, `image web`. Empty where it lies over nothing. */
      of: z.array(z.string()),
      entries: z.int(),
      bytes: z.number(),
      changedAt: z.number(),
    }),
  ),
});
export type OverrideList = z.infer<typeof OverrideList>;

/** What lies over a version on a node. Paths are in base/path-bytes.ts's reversible text form. */
export const NodeOverrides = z.object({
  node: z.string(),
  image: z.string(),
  version,
  /** The weakest first. */
  overrides: z.array(z.string()),
  entries: z.array(
    z.object({
      path: z.string(),
      override: z.string(),
      entry: z.string(),
      bytes: z.number().optional(),
      /** What differs from the image's entry, which it takes the place of; absent where the image has none. */
      changes: z.array(z.string()).optional(),
    }),
  ),
});
export type NodeOverrides = z.infer<typeof NodeOverrides>;
