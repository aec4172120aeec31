/** A flavor: a boot package of one kernel and one install ramdisk, and how it is described on disk (`flavor.json`). */
import { err, ok, type Result } from "../../base/result.ts";

/** The machines that a flavor is for, as `uname -m` says on them. */
export type FlavorArch = "x86_64" | "aarch64";

export interface FlavorPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

export interface FlavorInfo {
  readonly name: string;
  readonly arch: FlavorArch;
  readonly kernelVersion: string;
  /** The version of an image whose own kernel it is: `web@3`. */
  readonly image?: string;
  /** Absolute paths, below the flavors folder: they stay valid while the flavor is not rebuilt or removed. */
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly sizes: { readonly kernel: number; readonly initrd: number; readonly unpacked: number };
  readonly sha256s: { readonly kernel: string; readonly initrd: string };
  /** Every package whose files are in it, by name. */
  readonly packages: readonly FlavorPackage[];
  /** First loaders that came with it, below its folder's `loaders`: for machines whose loaders this server has no packages of. */
  readonly loaders?: readonly string[];
  /** When it was built: ISO 8601. */
  readonly created: string;
}

/** What `flavor.json` holds: everything but the paths, which follow from where it lies. */
export type FlavorDescription = Omit<FlavorInfo, "kernelPath" | "initrdPath">;

export const flavorFiles = {
  kernel: "kernel",
  initrd: "initrd.img",
  loaders: "loaders",
  description: "flavor.json",
} as const;

/** A flavor's name is also a folder's and stands in URLs: letters, digits, `.`, `_`, `-`, beginning with a letter or digit. */
export function parseFlavorName(text: string): Result<string, string> {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
    ? ok(text)
    : err(`'${text}' is not a flavor name (letters, digits, '.', '_', '-', at most 64)`);
}

const debianNames = { x86_64: "amd64", aarch64: "arm64" } as const;

/** The Debian architecture of a flavor's. */
export function debianArchitecture(arch: FlavorArch): "amd64" | "arm64" {
  return debianNames[arch];
}

/** The inverse of {@link debianArchitecture}. */
export function flavorArch(debianName: "amd64" | "arm64"): FlavorArch {
  return debianName === "amd64" ? "x86_64" : "aarch64";
}

export function encodeFlavor(flavor: FlavorDescription): string {
  return `${JSON.stringify(flavor, undefined, 2)}\n`;
}

/** Reads `flavor.json`, which an administrator may have edited or copied from elsewhere. */
export function decodeFlavor(text: string): Result<FlavorDescription, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return err(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return isDescription(value) ? ok(value) : err("fields are missing or of the wrong kind");
}

function isDescription(value: unknown): value is FlavorDescription {
  return (
    isRecord(value) &&
    typeof value.name === "string" &&
    (value.arch === "x86_64" || value.arch === "aarch64") &&
    typeof value.kernelVersion === "string" &&
    (value.image === undefined || typeof value.image === "string") &&
    (value.loaders === undefined || isFileNames(value.loaders)) &&
    typeof value.created === "string" &&
    hasFields(value.sizes, { names: ["kernel", "initrd", "unpacked"], type: "number" }) &&
    hasFields(value.sha256s, { names: ["kernel", "initrd"], type: "string" }) &&
    Array.isArray(value.packages) &&
    value.packages.every((one) => hasFields(one, { names: ["name", "version", "sha256"], type: "string" }))
  );
}

function isFileNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string" && /^[\w.-]+$/.test(one));
}

function hasFields(
  value: unknown,
  fields: { readonly names: readonly string[]; readonly type: string },
): boolean {
  return isRecord(value) && fields.names.every((name) => typeof value[name] === fields.type);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
