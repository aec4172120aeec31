/**
 * What a version of an image is: its name, its number, where it came from and how large it is. The entries themselves are
 * streamed (images/store), because a version may have millions.
 */
import { z } from "zod";
import type { Brand } from "../base/brand.ts";
import { err, ok, type Result } from "../base/result.ts";

/** The name of an image, safe as a file name, a URL segment and a word of a shell or a boot loader's configuration. */
export type ImageName = Brand<string, "ImageName">;

/** A file name is at most 255 bytes and temporary names are longer than the name itself. */
export const imageNameLimit = 128;

/** Parses an image name: letters, digits, `.`, `_`, `-`; it starts with a letter, a digit or `_`. */
export function parseImageName(text: string): Result<ImageName, string> {
  if (text === "") {
    return err("an image name is empty");
  }
  if (text.length > imageNameLimit) {
    return err(`image name '${text.slice(0, 32)}…' is longer than ${imageNameLimit} characters`);
  }
  if (text.startsWith(".") || text.startsWith("-")) {
    return err(`image name '${text}' starts with '${text.charAt(0)}'`);
  }
  const bad = /[^A-Za-z0-9._-]/u.exec(text);
  return bad === null
    ? ok(text as ImageName)
    : err(`image name '${text}' holds '${bad[0]}' (letters, digits, '.', '_' and '-' are allowed)`);
}

/** A version as people write it: `web` (the newest), `web@3`, `web@stable` (a tag). */
export interface VersionRef {
  readonly image: ImageName;
  readonly number?: number;
  readonly tag?: string;
}

/** A version that exists. */
export interface VersionId {
  readonly image: ImageName;
  readonly number: number;
}

/** Parses `web`, `web@3` and `web@stable`. A tag starts with a letter, so it is never taken for a number. */
export function parseVersionRef(text: string): Result<VersionRef, string> {
  const [name = "", version, ...rest] = text.split("@");
  const image = parseImageName(name);
  if (!image.ok) {
    return image;
  }
  if (version === undefined) {
    return ok({ image: image.value });
  }
  if (rest.length === 0 && /^[1-9]\d{0,8}$/.test(version)) {
    return ok({ image: image.value, number: Number(version) });
  }
  const tag = parseTag(version);
  return rest.length === 0 && tag.ok
    ? ok({ image: image.value, tag: tag.value })
    : err(`'${text}' is not a version (such as web, web@3 or web@stable)`);
}

/** Parses a tag: it starts with a letter and goes on with letters, digits, `.`, `_`, `-`, at most 64. */
export function parseTag(text: string): Result<string, string> {
  return /^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(text)
    ? ok(text)
    : err(`'${text}' is not a tag (a letter, then letters, digits, '.', '_', '-', at most 64)`);
}

/** `web@3`. */
export function formatVersion(version: VersionRef): string {
  const suffix = version.number ?? version.tag;
  return suffix === undefined ? version.image : `${version.image}@${suffix}`;
}

/** Where a version's tree came from; absent parts are not known (a commit of a tree changed in a chroot has none). */
export interface VersionSource {
  /** The golden client's name or address. */
  readonly host?: string;
  /** `PRETTY_NAME` of os-release. */
  readonly os?: string;
  readonly kernel?: string;
  /** `uname -m`. */
  readonly machine?: string;
  /** `bios` or `uefi`. */
  readonly firmware?: string;
}

export interface VersionTotals {
  /** Every entry: files, further names, directories, links, devices. */
  readonly entries: number;
  /** Regular files, each inode once. */
  readonly files: number;
  /** Sum of the apparent sizes of the regular files. */
  readonly bytes: number;
  /** Compressed bytes that this version added to the store: its own pack. */
  readonly stored: number;
}

export const manifestSchema = 1;

/** A version without its entries. */
export interface Manifest {
  readonly schema: typeof manifestSchema;
  readonly image: ImageName;
  readonly number: number;
  /** Unix time in milliseconds. */
  readonly created: number;
  readonly message: string;
  readonly source: VersionSource;
  /** The version that the tree was at when it was committed; absent for a first one. */
  readonly parent?: VersionId;
  readonly totals: VersionTotals;
  /** The packs that hold its content, by digest (lower-case hex), in the order in which they are unpacked. */
  readonly packs: readonly string[];
}

const count = z.number().int().nonnegative();
const imageName = z.string().transform((text, context): ImageName => {
  const name = parseImageName(text);
  if (name.ok) {
    return name.value;
  }
  context.addIssue({ code: "custom", message: name.error });
  return z.NEVER;
});
const manifestShape = z.object({
  schema: z.literal(manifestSchema),
  image: imageName,
  number: z.number().int().positive(),
  created: z.number().int(),
  message: z.string(),
  source: z.object({
    host: z.string().exactOptional(),
    os: z.string().exactOptional(),
    kernel: z.string().exactOptional(),
    machine: z.string().exactOptional(),
    firmware: z.string().exactOptional(),
  }),
  parent: z.object({ image: imageName, number: z.number().int().positive() }).exactOptional(),
  totals: z.object({ entries: count, files: count, bytes: count, stored: count }),
  packs: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
});

/** Parses a manifest's description as it is stored. */
export function parseManifest(text: string): Result<Manifest, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err("its description is no JSON");
  }
  const parsed = manifestShape.safeParse(value);
  return parsed.success ? ok(parsed.data) : err(`its description is wrong: ${z.prettifyError(parsed.error)}`);
}
