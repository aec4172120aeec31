/** Flavors. */
import { z } from "zod";
import { name } from "./common.ts";

export const FlavorRequest = z.strictObject({
  name,
  /** Whose programs and kernel: of this server's own kind of PC unless told. */
  arch: z.enum(["amd64", "arm64"]).optional(),
  /** Takes kernel and modules from this version of an image instead of from the server's packages. */
  image: z.string().max(128).optional(),
  kernelVersion: z.string().max(128).optional(),
});
export type FlavorRequest = z.infer<typeof FlavorRequest>;

export const Flavor = z.object({
  name: z.string(),
  kernelVersion: z.string(),
  machine: z.string().optional(),
  bytes: z.number(),
  createdAt: z.number().optional(),
  /** First loaders that came with it. */
  loaders: z.array(z.string()).optional(),
  image: z.string().optional(),
});
export type Flavor = z.infer<typeof Flavor>;

export const FlavorResult = z.object({ ...Flavor.shape });
export type FlavorResult = z.infer<typeof FlavorResult>;

export const FlavorList = z.object({ flavors: z.array(Flavor) });
export type FlavorList = z.infer<typeof FlavorList>;
