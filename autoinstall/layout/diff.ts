/** What differs between two layouts, by what it means: not by where it stands in a file, and not by comments. */
import { partitionDevice } from "./device-name.ts";
import { formatSize } from "./encode.ts";
import { type DiskLayout, type FstabEntry, type LayoutDisk, sortedLines } from "./model.ts";
import { canonicalDevice, volumeGroups } from "./stack.ts";

export interface LayoutDifference {
  /** The thing: `/dev/sda2`, `line for /home`, `/dev/vg0/root`. */
  readonly subject: string;
  /** How it is in the first and in the second layout; absent where it is not there. */
  readonly before?: string;
  readonly after?: string;
}

function words(values: readonly (string | undefined)[]): string {
  return values.filter((value) => value !== undefined && value !== "").join(" ");
}

type Thing = readonly [subject: string, text: string];

function diskThings(disk: LayoutDisk): readonly Thing[] {
  const partitions = disk.partitions.map((part): Thing => {
    const size =
      part.size.kind === "amount" ? `${formatSize(part.size)} ${disk.unit}` : formatSize(part.size);
    const group = part.volumeGroup === undefined ? undefined : `in ${part.volumeGroup}`;
    const name = part.name === undefined ? undefined : `"${part.name}"`;
    const flags = [...part.flags].sort((a, b) => (a < b ? -1 : 1)).join(",");
    const text = words([size, part.type, name, flags, part.id, group, part.raidDevice]);
    return [partitionDevice(disk.device, part.number), text];
  });
  return [[disk.device, words([disk.label, "disk"])], ...partitions];
}

function stackThings(layout: DiskLayout): readonly Thing[] {
  const arrays = layout.raids.map((raid): Thing => {
    const settings = raid.settings
      .map(([name, value]) => `${name}=${value}`)
      .sort((a, b) => (a < b ? -1 : 1));
    return [canonicalDevice(layout, raid.name), words([...settings, ...raid.devices])];
  });
  const crypts = layout.crypts.map(
    ({ name, device, options, volumeGroup }): Thing => [
      `/dev/mapper/${name}`,
      words(["luks on", device, options, volumeGroup]),
    ],
  );
  const groups = volumeGroups(layout).flatMap((group): readonly Thing[] => [
    [`group ${group.name}`, words(group.settings.map(([name, value]) => `${name}=${value}`))],
    ...group.volumes.map(
      ({ name, size, options }): Thing => [`/dev/${group.name}/${name}`, words([size, options])],
    ),
  ]);
  return [...arrays, ...crypts, ...groups];
}

function lineThing(layout: DiskLayout, line: FstabEntry): Thing {
  const place = line.filesystem === "swap" ? `swap on ${line.device}` : `line for ${line.mountPoint}`;
  const label = line.label === undefined ? undefined : `label=${line.label}`;
  const made = line.format ? undefined : "not made";
  const size = line.fileSize === undefined ? undefined : `${line.fileSize} MB`;
  const rest = [line.options, line.mkfsOptions, label, size, made];
  return [place, words([canonicalDevice(layout, line.device), line.mountDevice, line.filesystem, ...rest])];
}

function things(layout: DiskLayout): ReadonlyMap<string, string> {
  const entries = sortedLines(layout).filter((line) => line.kind === "entry");
  return new Map([
    ...layout.disks.flatMap(diskThings),
    ...stackThings(layout),
    ...entries.map((line) => lineThing(layout, line)),
  ]);
}

/** Everything that is not the same in both, in the order of the first layout and then of the second. */
export function diffLayouts(before: DiskLayout, after: DiskLayout): readonly LayoutDifference[] {
  const [first, second] = [things(before), things(after)];
  return [...new Set([...first.keys(), ...second.keys()])]
    .filter((subject) => first.get(subject) !== second.get(subject))
    .map((subject) => {
      const [had, has] = [first.get(subject), second.get(subject)];
      return {
        subject,
        ...(had === undefined ? {} : { before: had }),
        ...(has === undefined ? {} : { after: has }),
      };
    });
}

/** One line each: `- gone`, `+ new`, `~ before -> after`. */
export function formatDifference({ subject, before, after }: LayoutDifference): string {
  if (before === undefined) {
    return `+ ${subject}: ${after ?? ""}`;
  }
  return after === undefined ? `- ${subject}: ${before}` : `~ ${subject}: ${before} -> ${after}`;
}
