/** What a device must at least hold: the content of the filesystems on it, through arrays and volume groups. */
import {
  type DiskLayout,
  type FstabEntry,
  installedEntries,
  isSwapFile,
  type LayoutVolume,
  type LayoutVolumeGroup,
  mountPath,
} from "./model.ts";
import { withHeadroom } from "./repair-disk-section.ts";
import { entryRole, grows } from "./role.ts";
import { blockOf, canonicalDevice, groupMembers, membersOf, stackOrder, volumeDevice } from "./stack.ts";
import { arrayShape, cryptHeaderMib, dataMembers, extentMib, volumeSize } from "./stack-size.ts";

export interface TableOptions {
  /** Bytes of the image by mount point, where they are known. */
  readonly used?: ReadonlyMap<string, number>;
  /** Bytes of the whole tree. */
  readonly treeBytes?: number;
}

const mebibyte = 1024 ** 2;

/** What a filesystem must get where nothing says how much will lie in it. */
const leastMib = 256;

/** Parts of the tree that often have a filesystem of their own, and then say little of how much is left for /. */
const largeParts = ["/usr", "/var", "/home", "/opt", "/srv"];

function filesystemMib(layout: DiskLayout, entry: FstabEntry, options: TableOptions): number {
  const mountPoint = mountPath(entry);
  const files = layout.lines
    .filter((line) => line.kind === "entry" && isSwapFile(line))
    .reduce((sum, line) => sum + (line.kind === "entry" ? (line.fileSize ?? 0) : 0), 0);
  const swapMib = mountPoint === "/" ? Math.ceil((files * 1_000_000) / mebibyte) : 0;
  const used = options.used?.get(mountPoint);
  const device = canonicalDevice(layout, entry.device);
  const others = installedEntries(layout).some(
    (one) => largeParts.includes(one.mountPoint) && canonicalDevice(layout, one.device) !== device,
  );
  const whole = mountPoint === "/" && !others ? options.treeBytes : undefined;
  // A tar of many small files comes nearer to what they take on a disk than their sizes do.
  const bytes = used === undefined ? whole : Math.max(used, whole ?? 0);
  return (bytes === undefined ? leastMib : Math.ceil(withHeadroom(bytes) / mebibyte)) + swapMib;
}

/** MiB that a device of the layout must at least have. A group on several members is looked at as a whole, elsewhere. */
export function neededMib(layout: DiskLayout, name: string, options: TableOptions): number {
  const device = canonicalDevice(layout, name);
  const needs = new Map<string, number>();
  for (const part of [...stackOrder(layout)].reverse()) {
    const members = membersOf(layout, part);
    const own = partNeed(layout, part, { options, needs });
    for (const member of members) {
      needs.set(member, own);
    }
  }
  return needs.get(device) ?? entryNeed(layout, device, options);
}

function entryNeed(layout: DiskLayout, device: string, options: TableOptions): number {
  const needs = installedEntries(layout)
    .filter((one) => canonicalDevice(layout, one.device) === device && grows(entryRole(one)))
    .map((entry) => filesystemMib(layout, entry, options));
  return Math.max(leastMib, ...needs);
}

/** What each member of an array, an encrypted volume or a group must have. */
function partNeed(
  layout: DiskLayout,
  part: ReturnType<typeof stackOrder>[number],
  context: { readonly options: TableOptions; readonly needs: ReadonlyMap<string, number> },
): number {
  const on = (device: string) =>
    context.needs.get(canonicalDevice(layout, device)) ?? entryNeed(layout, device, context.options);
  switch (part.kind) {
    case "array": {
      const shape = arrayShape(layout, part.array);
      const data = shape === undefined ? 1 : Math.max(0.5, dataMembers(shape));
      const net = on(part.array.name) / data;
      return Math.ceil(net + net / 1000 + 2);
    }
    case "crypt":
      return on(`/dev/mapper/${part.crypt.name}`) + cryptHeaderMib;
    case "group": {
      const single = groupMembers(layout, part.group.name).length === 1;
      const extent = extentMib(part.group);
      const volumes = part.group.volumes.map((volume) =>
        volumeExtents(layout, { group: part.group, volume }, context.options),
      );
      const sum = volumes.reduce((total, extents) => total + extents, 0) * extent + 1;
      return single ? Math.max(leastMib, sum) : extent + 1;
    }
    default:
      return part satisfies never;
  }
}

/** Extents that a volume must get: its size, or what lies on it where it takes a share. */
export function volumeExtents(
  layout: DiskLayout,
  place: { readonly group: LayoutVolumeGroup; readonly volume: LayoutVolume },
  options: TableOptions,
): number {
  const size = volumeSize(place.volume);
  const device = volumeDevice(place.group, place.volume);
  const mib = size?.kind === "mib" ? size.mib : usedOn(layout, device, options);
  return Math.max(1, Math.ceil(mib / extentMib(place.group)));
}

function usedOn(layout: DiskLayout, device: string, options: TableOptions): number {
  const crypt = layout.crypts.find((one) => canonicalDevice(layout, one.device) === device);
  const inner = crypt === undefined ? device : `/dev/mapper/${crypt.name}`;
  return blockOf(layout, device) === undefined ? leastMib : entryNeed(layout, inner, options);
}
