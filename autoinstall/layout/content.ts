/** How much of a tree comes to lie in each filesystem of a layout, and which of those are too small for it by what the file says. */
import { isWithin, parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../../images/entry.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import { type DiskLayout, installedEntries, mountPath, wholeMib } from "./model.ts";
import type { TableOptions } from "./need.ts";
import { blockOf, canonicalDevice } from "./stack.ts";
import { volumeSize } from "./stack-size.ts";

const mebibyte = 1024 ** 2;

/** Adds up a tree's files by mount point. */
export class ContentMeter {
  /** Deepest first, so that the first that holds a path is where the path lies. */
  readonly #places: readonly { readonly mountPoint: string; readonly path: RelPath }[];
  readonly #bytes = new Map<string, number>();

  constructor(mountPoints: readonly string[]) {
    this.#places = mountPoints
      .flatMap((mountPoint) => {
        const path = parseRelPath(mountPoint.slice(1));
        return path.ok ? [{ mountPoint, path: path.value }] : [];
      })
      .sort((a, b) => b.path.length - a.path.length);
    for (const { mountPoint } of this.#places) {
      this.#bytes.set(mountPoint, 0);
    }
  }

  add(entry: FileEntry): void {
    if (entry.kind === "file") {
      const place = this.#places.find(({ path }) => isWithin(entry.path, path));
      if (place !== undefined) {
        this.#bytes.set(place.mountPoint, (this.#bytes.get(place.mountPoint) ?? 0) + entry.size);
      }
    }
  }

  /**
   * Bytes by mount point, of which `holes` may be holes of sparse files. Which files have them is not known here, so all of them
   * are taken off everywhere: no filesystem can do with less.
   */
  least(holes: number): ReadonlyMap<string, number> {
    return new Map([...this.#bytes].map(([mountPoint, bytes]) => [mountPoint, Math.max(0, bytes - holes)]));
  }
}

/** Bytes that the tree puts onto a device; undefined where that is not known, or the filesystem compresses. */
export function contentOn(layout: DiskLayout, name: string, options: TableOptions): number | undefined {
  const device = canonicalDevice(layout, name);
  const entries = installedEntries(layout).filter((one) => canonicalDevice(layout, one.device) === device);
  const known = entries.map((entry) => options.used?.get(mountPath(entry)));
  const compressed = entries.some(({ options: words }) => /(?:^|,)compress/.test(words));
  return entries.length === 0 || compressed || known.includes(undefined)
    ? undefined
    : known.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
}

/** MiB that the file itself says a device has. */
function statedMib(layout: DiskLayout, name: string): number | undefined {
  const block = blockOf(layout, name);
  if (block?.kind === "volume") {
    const size = volumeSize(block.volume);
    return size?.kind === "mib" ? size.mib : undefined;
  }
  const disk =
    block?.kind === "partition" ? layout.disks.find(({ device }) => device === block.disk) : undefined;
  const size = block?.kind === "partition" ? block.partition.size : undefined;
  return disk?.unit === "MB" && size?.kind === "amount" ? wholeMib(size.value) : undefined;
}

/** Filesystems that cannot hold what comes to lie in them, whatever the machine's disks: each with the bytes that it lacks. */
export function contentProblems(layout: DiskLayout, options: TableOptions): readonly Diagnostic[] {
  const devices = new Map(
    installedEntries(layout).map((entry) => [canonicalDevice(layout, entry.device), entry]),
  );
  return [...devices].flatMap(([device, entry]) => {
    const mib = statedMib(layout, device);
    const bytes = contentOn(layout, device, options);
    const short = mib === undefined || bytes === undefined ? 0 : bytes - mib * mebibyte;
    const message = `${device} is to have ${mib} MiB, and ${bytes} bytes of the image lie in ${mountPath(entry)}: ${short} bytes short`;
    return short > 0 ? [diagnose("filesystem-too-small", message, { subject: device, at: entry.at })] : [];
  });
}
