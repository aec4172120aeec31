/** Which files of an installed system, or of a package, are a kernel's. */
import type { RelPath } from "../../base/path-bytes.ts";
import { mergedPath } from "./merged-path.ts";

/** The kernel of an installed system. */
export interface SystemKernel {
  /** What it is of, for messages: `web@3`. */
  readonly of: string;
  readonly version: string;
  /** An uncompressed tar of the files that {@link isKernelFile} chooses. */
  readonly archive: AsyncIterable<Uint8Array>;
}

/** Debian and its kin, Red Hat, SUSE have kernels in /boot; Fedora and later ones beside the modules. */
const kernelPath = /^(?:boot\/(?:vmlinuz|Image|vmlinux)-(.+)|usr\/lib\/modules\/([^/]+)\/(?:vmlinuz|Image))$/;
const configPath = /^(?:boot\/config-(.+)|usr\/lib\/modules\/([^/]+)\/config)$/;
const modulePath =
  /^usr\/lib\/modules\/([^/]+)\/(kernel\/(.+\.ko(?:\.(?:xz|zst|gz))?)|modules\.(?:order|builtin|builtin\.modinfo))$/;
// Most of a kernel's modules by size, and nothing a server's disks or network depend on.
const neverWanted =
  /^usr\/lib\/modules\/[^/]+\/kernel\/(sound|drivers\/(gpu|media|staging|iio|net\/wireless|isdn|atm)|net\/(bluetooth|mac80211))\//;

export function isKernelConfig(path: RelPath): boolean {
  return configPath.test(mergedPath(path));
}

/** Whether a path is of some kernel: the kernel itself, its configuration, a module that may be wanted, an index. */
export function isAnyKernelFile(path: RelPath): boolean {
  const merged = mergedPath(path);
  return (
    kernelPath.test(merged) ||
    configPath.test(merged) ||
    (modulePath.test(merged) && !neverWanted.test(merged))
  );
}

/** The kernel version that a path of an installed system is the kernel of. */
export function kernelVersionOf(path: RelPath): string | undefined {
  const match = kernelPath.exec(mergedPath(path));
  return match?.[1] ?? match?.[2];
}

/** Whether a path of an installed system is of the kernel of this version: kernel, configuration, a module or an index of them. */
export function isKernelFile(path: RelPath, version: string): boolean {
  const merged = mergedPath(path);
  const module = modulePath.exec(merged);
  const config = configPath.exec(merged);
  return (
    kernelVersionOf(path) === version ||
    (config?.[1] ?? config?.[2]) === version ||
    (module?.[1] === version && !neverWanted.test(merged))
  );
}
