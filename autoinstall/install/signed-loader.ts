/** Where distributions keep the loader that firmware with Secure Boot starts: Microsoft's signature is on their shim. */
import type { RelPath } from "../../base/path-bytes.ts";

const places: readonly RegExp[] = [
  /^usr\/lib\/shim\/shim(?:x64|aa64)\.efi\.signed$/, // Debian, Ubuntu: grub-install copies it
  /(?:^|\/)EFI\/[^/]+\/shim(?:x64|aa64)?\.efi$/i, // an ESP, where Red Hat's package puts it
];

/** True for a file of an image that is such a loader. */
export function isSignedLoader(path: RelPath): boolean {
  return places.some((place) => place.test(path));
}
