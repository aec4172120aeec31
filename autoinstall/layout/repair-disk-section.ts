/** Rebuilds a disk section that is not there: from the golden client's own table, else from the filesystem lines. */
import { formatByteSize } from "../../base/quantity.ts";
import type { GoldenFacts } from "../../images/capture/facts.ts";
import { parsePartitionDevice, partitionDevice } from "./device-name.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { layoutFromFacts, tableFromFacts } from "./from-facts.ts";
import {
  type DiskLayout,
  type FstabEntry,
  installedEntries,
  type LayoutDisk,
  type LayoutPartition,
  plain,
} from "./model.ts";
import type { RepairContext, Repaired } from "./repaired.ts";
import { defaultBytes, entryRole, grows } from "./role.ts";

/** Room above the used bytes: a filesystem's own tables, and space to work in. */
export function withHeadroom(used: number): number {
  return Math.ceil(used * 1.25) + 256 * 1024 ** 2;
}

/** Drops a second section for a disk where one of the two is empty. */
export function repairDiskDuplicate(layout: DiskLayout, finding: Diagnostic): Repaired | undefined {
  const sections = layout.disks.filter(({ device }) => device === finding.subject);
  const empty = sections.find(({ partitions }) => partitions.length === 0);
  return empty === undefined
    ? undefined
    : {
        layout: { ...layout, disks: layout.disks.filter((disk) => disk !== empty) },
        text: `The empty second section of ${finding.subject} was dropped`,
      };
}

/** The golden client's own table, where it has all the partitions that the lines name. */
function fromTable(
  layout: DiskLayout,
  facts: GoldenFacts | undefined,
  place: { readonly device: string; readonly numbers: readonly number[] },
): LayoutDisk | undefined {
  const { device, numbers } = place;
  const known = facts?.disks.find((one) => one.device === device && one.partitions.length > 0);
  const disk =
    facts === undefined || known === undefined
      ? undefined
      : (layoutFromFacts(facts).layout.disks.find((candidate) => candidate.device === device) ??
        tableFromFacts(layout, known));
  const complete = numbers.every((number) => disk?.partitions.some((one) => one.number === number));
  return complete ? disk : undefined;
}

function linePartition(
  entry: FstabEntry,
  options: {
    readonly number: number;
    readonly logical: boolean;
    readonly grow: boolean;
    readonly used: number | undefined;
  },
): LayoutPartition {
  const role = entryRole(entry);
  const usual = defaultBytes(role, entry.mountPoint);
  const bytes = options.used === undefined ? usual : Math.max(usual, withHeadroom(options.used));
  const flags = role === "esp" ? ["esp"] : role === "swap" ? ["swap"] : [];
  return {
    ...plain,
    number: options.number,
    size: options.grow ? { kind: "rest" } : { kind: "amount", value: Math.ceil(bytes / 1_000_000) },
    type: options.logical ? "logical" : "primary",
    flags,
  };
}

/** Sizes by mount point, at least what is used; the last partition that is of use when larger takes the rest. */
function fromLines(
  layout: DiskLayout,
  device: string,
  facts: GoldenFacts | undefined,
): { readonly disk: LayoutDisk; readonly used: boolean } {
  const named = installedEntries(layout)
    .map((entry) => ({ entry, place: parsePartitionDevice(entry.device) }))
    .filter(({ place }) => place?.disk === device)
    .map(({ entry, place }) => ({ entry, number: place?.number ?? 0 }))
    .filter(({ number }, index, all) => all.findIndex((one) => one.number === number) === index)
    .sort((a, b) => a.number - b.number);
  const esp = named.some(({ entry }) => entryRole(entry) === "esp");
  // Numbers 5 and up beside fewer than four others are what logical partitions look like.
  const logicals = named.filter(({ number }) => number >= 5);
  const gapless = logicals.every(({ number }, index) => number === 5 + index);
  const gpt = esp || (logicals.length > 0 && !gapless);
  const free = [1, 2, 3, 4].filter((number) => !named.some((one) => one.number === number));
  const extendedNumber =
    free.find((number) => !named.some((one) => one.number > number && one.number < 5)) ?? free[0];
  const extended = !gpt && logicals.length > 0 && extendedNumber !== undefined;
  const growing = named.filter(({ entry }) => grows(entryRole(entry))).at(-1)?.number;
  let anyUsed = false;
  const partitions = named.map(({ entry, number }) => {
    const used = facts?.filesystems.find((one) => one.device === partitionDevice(device, number))?.used;
    anyUsed ||= used !== undefined;
    return linePartition(entry, { number, used, grow: number === growing, logical: extended && number >= 5 });
  });
  const growsInside = extended && growing !== undefined && growing >= 5;
  const logicalBytes = partitions
    .filter(({ type }) => type === "logical")
    .reduce((sum, { size }) => sum + (size.kind === "amount" ? size.value + 2 : 0), 0);
  const container: LayoutPartition | undefined = extended
    ? {
        ...plain,
        number: extendedNumber,
        size: growsInside ? { kind: "rest" } : { kind: "amount", value: logicalBytes },
        type: "extended",
        flags: [],
      }
    : undefined;
  const all = [...partitions, ...(container === undefined ? [] : [container])].sort(
    (a, b) => a.number - b.number,
  );
  const boot =
    named.find(({ entry }) => entryRole(entry) === "boot") ??
    named.find(({ entry }) => entryRole(entry) === "root");
  const flagged = all.map((partition) =>
    !gpt && boot?.number === partition.number
      ? { ...partition, flags: ["boot", ...partition.flags] }
      : partition,
  );
  const label = gpt || (logicals.length > 0 && !extended) ? "gpt" : "msdos";
  const disk = { ...plain, device, label, unit: "MB", partitions: flagged, trailing: [], foreign: [] };
  return { disk, used: anyUsed };
}

/** What the new section's comment says: what was rebuilt, from what, and that sizes may be changed. */
function rebuiltComment(
  device: string,
  options: {
    readonly table: boolean;
    readonly used: boolean;
    readonly facts: GoldenFacts | undefined;
    readonly names: readonly string[];
  },
): string {
  const named = options.names.join(", ");
  const why = `Rebuilt by Ingot: the fsinfo lines name ${named}, but ${device} had no partitions here.`;
  const client = options.facts?.hostname ?? "the golden client";
  const size = options.facts?.disks.find((disk) => disk.device === device)?.size;
  const from = options.table
    ? `Source: the partition table of ${client}${size === undefined ? "" : ` (${formatByteSize(size)})`}.`
    : options.used
      ? `Source: the fsinfo lines, with sizes from what is used on ${client}. Change them as you like.`
      : "Source: the fsinfo lines alone, with usual sizes by mount point. Change them as you like.";
  return `\n    ${why}\n    ${from}\n  `;
}

/** Fills in or adds the section for the disk that the finding names. */
export function repairDiskSection(layout: DiskLayout, finding: Diagnostic, context: RepairContext): Repaired {
  const device = finding.subject;
  const numbers = installedEntries(layout)
    .map((entry) => parsePartitionDevice(entry.device))
    .filter((place) => place?.disk === device)
    .map((place) => place?.number ?? 0);
  const table = fromTable(layout, context.facts, { device, numbers });
  const lines = fromLines(layout, device, context.facts);
  const built = table ?? lines.disk;
  const names = [...new Set(numbers)].map((number) => partitionDevice(device, number));
  const comment = rebuiltComment(device, {
    table: table !== undefined,
    used: lines.used,
    facts: context.facts,
    names,
  });
  const index = layout.disks.findIndex((disk) => disk.device === device);
  const empty = layout.disks[index];
  const disk: LayoutDisk =
    empty === undefined
      ? { ...built, comments: [comment] }
      : {
          ...empty,
          label: ["msdos", "gpt"].includes(empty.label) && table === undefined ? empty.label : built.label,
          unit: built.unit,
          comments: [...empty.comments, comment],
          partitions: built.partitions,
        };
  const disks = empty === undefined ? [...layout.disks, disk] : layout.disks.with(index, disk);
  const source =
    table === undefined
      ? lines.used
        ? "the lines and the used sizes"
        : "the lines"
      : "the client's partition table";
  const text = `The <disk> section of ${device} was rebuilt from ${source}`;
  return { layout: { ...layout, disks }, text };
}
