/** `IMAGE[@VERSION]` as a command line names it. */
import { parseVersionRef } from "../../../images/manifest.ts";
import { usageError } from "../arguments.ts";
import type { Command } from "../command.ts";

/** The image and, as the API takes it, the version: a number or a tag. */
export function splitVersion(
  text: string | undefined,
  command: Command,
): { readonly image: string; readonly version?: number | string } {
  const ref = parseVersionRef(text ?? "");
  if (!ref.ok) {
    throw usageError(command, ref.error);
  }
  const { image, number, tag } = ref.value;
  const version = number ?? tag;
  return version === undefined ? { image } : { image, version };
}

export function imagePath(image: string, what: string): string {
  return `/api/images/${encodeURIComponent(image)}/${what}`;
}
