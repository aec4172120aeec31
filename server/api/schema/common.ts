/** Fields that several requests have. */
import { z } from "zod";

export const name = z.string().min(1).max(253);

export const nodeSelection = z.string().min(1).max(65_536);

export const version = z.int().positive();

export const bytes = z.int().min(0);

export const selectionOptions = {
  /** Rules as rsync's `--filter` takes them (`P /srv/data`, `-! *.conf`), ahead of `exclude`. */
  filter: z.array(z.string().max(4096)).max(1000).optional(),
  /** Rules of the command line, rsync filter syntax (`- /srv/*`, or a bare pattern to exclude). */
  exclude: z.array(z.string().max(4096)).max(1000).optional(),
  /** Names of exclude profiles that are added to the default ones, such as `hardware`, `puppet`. */
  profiles: z.array(name).max(32).optional(),
};

export const remote = {
  /** A host name or address, or the name of a node. */
  host: name,
  port: z.int().min(1).max(65_535).optional(),
  user: z.string().min(1).max(64).optional(),
};

/** A number or a tag. */
export const versionWord = z.union([version, z.string().min(1).max(64)]);
