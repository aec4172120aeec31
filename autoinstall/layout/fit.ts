/** Works a layout out for disks whose sizes are known: concrete tables in MiB, or what is short and by how much. */

import { err, ok, type Result } from "../../base/result.ts";
import type { DiskLabel } from "../../images/capture/facts.ts";
import { contentProblems } from "./content.ts";
import { type Diagnostic, diagnose } from "./diagnostic.ts";
import { groupNeeds, roomExtents } from "./group-room.ts";
import type { DiskLayout } from "./model.ts";
import type { TableOptions } from "./need.ts";
import { type DiskTable, msdosLimitMib, reservedMib, type TableRow, tableOf } from "./table.ts";

export interface TargetDisk {
  readonly device: string;
  readonly size: number;
}

export interface FittedPartition {
  readonly number: number;
  /** From the start of the disk; partitions are aligned to whole MiB. */
  readonly startMib: number;
  readonly sizeMib: number;
  readonly row: TableRow;
}

export interface FittedDisk {
  /** The disk's name in the layout. */
  readonly from: string;
  readonly device: string;
  readonly label: DiskLabel;
  readonly sizeMib: number;
  readonly partitions: readonly FittedPartition[];
}

export interface FittedLayout {
  readonly disks: readonly FittedDisk[];
  readonly notes: readonly Diagnostic[];
}

/** One filesystem that does not get what it needs. */
export interface Shortfall {
  readonly purpose: string;
  readonly needsMib: number;
  readonly getsMib: number;
  /** What else shares the room, each with its MiB: `/boot 300, swap 256`. */
  readonly beside: string;
}

function besides(rows: readonly TableRow[], short: TableRow | undefined): string {
  return rows
    .filter((row) => row !== short)
    .flatMap(({ purpose, size }) => (size.kind === "fixed" ? [`${purpose} ${size.mib}`] : []))
    .join(", ");
}

/** Sizes of rows that share one room. Only one of them takes the rest. */
function shareRoom(
  rows: readonly TableRow[],
  room: { readonly mib: number; readonly percentOf: number; readonly gap: number; readonly around: number },
): Result<readonly number[], Shortfall> {
  const known = rows.map(({ size }) => {
    switch (size.kind) {
      case "fixed":
        return size.mib;
      case "percent":
        return Math.floor((room.percentOf * size.milli) / 100_000);
      case "around":
        return room.around;
      case "rest":
        return undefined;
      default:
        return size satisfies never;
    }
  });
  const left = known.reduce<number>((sum, mib) => sum - (mib ?? 0) - room.gap, room.mib);
  const short = rows.find((row, index) => {
    const { size } = row;
    return size.kind === "rest" ? left < size.minimum : (known[index] ?? 0) < (row.contentMib ?? 1);
  });
  if (short !== undefined || left < 0) {
    const last = short ?? rows.at(-1);
    const rest = last?.size.kind === "rest";
    const own = last === undefined || rest ? 0 : (known[rows.indexOf(last)] ?? 0);
    const needsMib = last?.size.kind === "rest" ? last.size.minimum : Math.max(last?.contentMib ?? 1, own);
    const getsMib = Math.max(0, own + (rest || left < 0 ? left : 0));
    return err({ purpose: last?.purpose ?? "", needsMib, getsMib, beside: besides(rows, last) });
  }
  return ok(
    rows.map(({ size }, index) => {
      const most = size.kind === "rest" ? (size.maximum ?? left) : 0;
      return known[index] ?? Math.min(left, most);
    }),
  );
}

/** Lays one table out on a disk of `size` bytes. */
export function fitTable(table: DiskTable, size: number): Result<readonly FittedPartition[], Shortfall> {
  const diskMib = Math.floor(size / 1024 ** 2);
  const limit = table.label === "msdos" ? Math.min(diskMib, msdosLimitMib) : diskMib;
  const room = limit - reservedMib[table.label];
  const outer = table.rows.filter(({ type }) => type !== "logical");
  const logical = table.rows.filter(({ type }) => type === "logical");
  const around = logical.reduce((sum, row) => {
    const own =
      row.size.kind === "fixed"
        ? row.size.mib
        : row.size.kind === "percent"
          ? Math.floor((room * row.size.milli) / 100_000)
          : 0;
    return sum + own + 1;
  }, 0);
  const sizes = shareRoom(outer, { mib: room, percentOf: room, gap: 0, around });
  if (!sizes.ok) {
    return sizes;
  }
  const partitions: FittedPartition[] = [];
  let start = 1;
  for (const [index, row] of outer.entries()) {
    const sizeMib = sizes.value[index] ?? 0;
    partitions.push({ number: row.number, startMib: start, sizeMib, row });
    start += sizeMib;
  }
  const extended = partitions.find(({ row }) => row.type === "extended");
  if (logical.length === 0 || extended === undefined) {
    return ok(partitions);
  }
  const inner = shareRoom(logical, { mib: extended.sizeMib, percentOf: room, gap: 1, around: 0 });
  if (!inner.ok) {
    return inner;
  }
  let place = extended.startMib;
  for (const [index, row] of logical.entries()) {
    const sizeMib = inner.value[index] ?? 0;
    partitions.push({ number: row.number, startMib: place + 1, sizeMib, row });
    place += sizeMib + 1;
  }
  return ok(partitions);
}

/**
 * Pairs the layout's disks with the machine's: the same name and room enough first, else what is left in the given order,
 * which is to be that of the bus.
 */
function matchDisks(
  layout: DiskLayout,
  targets: readonly TargetDisk[],
): Result<readonly TargetDisk[], readonly Diagnostic[]> {
  const chosen = new Map<string, TargetDisk>();
  const free = [...targets];
  for (const { device } of layout.disks) {
    const same = free.find((target) => target.device === device);
    if (same !== undefined) {
      chosen.set(device, same);
      free.splice(free.indexOf(same), 1);
    }
  }
  const problems: Diagnostic[] = [];
  for (const { device, at } of layout.disks) {
    const target = chosen.get(device) ?? free.shift();
    if (target === undefined) {
      const message = `The machine has no disk for ${device} (it has ${targets.length}, the layout wants ${layout.disks.length})`;
      problems.push(diagnose("disk-not-found", message, { subject: device, at }));
    } else {
      chosen.set(device, target);
    }
  }
  return problems.length > 0
    ? err(problems)
    : ok(layout.disks.flatMap(({ device }) => chosen.get(device) ?? []));
}

/** Fits a checked layout to the machine's disks. Nothing is half fitted: every disk goes, or the problems are told. */
export function fitLayout(
  layout: DiskLayout,
  options: TableOptions & { readonly targets: readonly TargetDisk[] },
): Result<FittedLayout, readonly Diagnostic[]> {
  const targets = matchDisks(layout, options.targets);
  if (!targets.ok) {
    return targets;
  }
  const disks: FittedDisk[] = [];
  const notes: Diagnostic[] = [];
  const problems: Diagnostic[] = [];
  for (const [index, disk] of layout.disks.entries()) {
    const target = targets.value[index];
    if (target === undefined) {
      continue;
    }
    const table = tableOf(layout, disk, options);
    const sizeMib = Math.floor(target.size / 1024 ** 2);
    const fitted = fitTable(table, target.size);
    if (!fitted.ok) {
      const { purpose, needsMib, getsMib, beside } = fitted.error;
      const lack = (needsMib - getsMib) * 1024 ** 2;
      const others = beside === "" ? "" : ` beside ${beside}`;
      const message = `${target.device} (${sizeMib} MiB) is too small for ${disk.device} of the layout: ${purpose} needs at least ${needsMib} MiB${others} and would get ${getsMib} MiB; ${lack} bytes short`;
      problems.push(diagnose("disk-too-small", message, { subject: target.device, at: disk.at }));
      continue;
    }
    if (target.device !== disk.device) {
      const message = `${disk.device} of the layout is ${target.device} here`;
      notes.push(diagnose("disk-renamed", message, { subject: disk.device }));
    }
    if (table.label === "msdos" && sizeMib > msdosLimitMib) {
      const message = `${target.device} is larger than the 2 TiB that an msdos label reaches; the rest of it stays unused`;
      notes.push(diagnose("msdos-over-2-tib", message, { subject: target.device }));
    }
    disks.push({
      from: disk.device,
      device: target.device,
      label: table.label,
      sizeMib,
      partitions: fitted.value,
    });
  }
  problems.push(...contentProblems(layout, options));
  if (problems.length === 0) {
    problems.push(...groupProblems(layout, disks, options));
  }
  return problems.length > 0 ? err(problems) : ok({ disks, notes });
}

/** Volume groups whose partitions came out too small for the volumes. */
function groupProblems(
  layout: DiskLayout,
  disks: readonly FittedDisk[],
  options: TableOptions,
): readonly Diagnostic[] {
  const sizeOf = (place: { readonly disk: number; readonly partition: number }) =>
    disks[place.disk - 1]?.partitions.find(({ number }) => number === place.partition)?.sizeMib ?? 0;
  return groupNeeds(layout, options).flatMap((group) => {
    const has = roomExtents(group, sizeOf) * group.extentMib;
    const needs = group.extents * group.extentMib;
    const message = `The group ${group.name} needs at least ${needs} MiB and would get ${has} MiB; ${(needs - has) * 1024 ** 2} bytes short`;
    return has >= needs ? [] : [diagnose("group-too-small", message, { subject: group.name })];
  });
}
