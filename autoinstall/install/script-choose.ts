/** Shell that finds out which disk is which and whether everything fits: nothing is written before that is known. */
import { quoteWord } from "../../base/posix-quote.ts";
import { type DiskTable, minimumDiskMib, type SizeRule, type TableRow } from "../layout/table.ts";
import { comment, variable } from "./script-block.ts";
import { groupLines } from "./script-stack.ts";
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

function known(size: SizeRule, disk: number): string | undefined {
  switch (size.kind) {
    case "fixed":
      return String(size.mib);
    case "percent":
      return `$((ROOM_${disk} * ${size.milli} / 100000))`;
    case "around":
    case "rest":
      return undefined;
    default:
      return size satisfies never;
  }
}

/** Sizes of rows that share one room; the one that takes the rest comes last, and the room left is checked. */
function shareLines(
  rows: readonly TableRow[],
  options: { readonly disk: number; readonly room: string; readonly gap: number },
): readonly string[] {
  const { disk } = options;
  const name = (row: TableRow) => variable("SIZE", { disk, partition: row.number });
  const lines: string[] = [];
  for (const row of rows) {
    const size = known(row.size, disk);
    if (size !== undefined) {
      lines.push(`${name(row)}=${size} # ${comment(row.purpose)}`);
    }
  }
  const others = rows.filter(({ size }) => size.kind !== "rest");
  const rest = rows.find(({ size }) => size.kind === "rest");
  const gaps = rows.length * options.gap;
  const minus = others.map((row) => ` - ${name(row)}`).join("") + (gaps === 0 ? "" : ` - ${gaps}`);
  const left = `$((${options.room}${minus}))`;
  if (rest?.size.kind === "rest") {
    lines.push(`${name(rest)}=${left} # ${comment(rest.purpose)}: what is left`);
    const { minimum, maximum } = rest.size;
    lines.push(`enough "$DISK_${disk}" ${quoteWord(rest.purpose)} "$${name(rest)}" ${minimum}`);
    if (maximum !== undefined) {
      lines.push(`if [ "$${name(rest)}" -gt ${maximum} ]; then`, `\t${name(rest)}=${maximum}`, "fi");
    }
  } else {
    const all = quoteWord(others.map(({ purpose }) => purpose).join(", "));
    lines.push(`enough "$DISK_${disk}" ${all} ${left} 0`);
  }
  for (const row of rows) {
    if (row.contentMib !== undefined) {
      lines.push(`enough "$DISK_${disk}" ${quoteWord(row.purpose)} "$${name(row)}" ${row.contentMib}`);
    }
  }
  return lines;
}

function sizeLines(step: StepOf<"choose-disks">): readonly string[] {
  return step.tables.flatMap((table, index) => {
    const disk = index + 1;
    const outer = table.rows.filter(({ type }) => type !== "logical");
    const logical = table.rows.filter(({ type }) => type === "logical");
    const extended = outer.find(({ type }) => type === "extended");
    const lines = [
      "",
      `# ${table.device} of the layout: ${table.label}; sizes in MiB.`,
      `MIB_${disk}=$(disk_mib "$DISK_${disk}") || fail "The size of $DISK_${disk} cannot be read"`,
      `ROOM_${disk}=$(room "$DISK_${disk}" ${table.label}) || exit 1`,
    ];
    if (extended?.size.kind === "around") {
      // The logical ones come first: the extended one is made as large as they are.
      const sizes = logical.map(
        (row) =>
          `${variable("SIZE", { disk, partition: row.number })}=${known(row.size, disk) ?? 0} # ${comment(row.purpose)}`,
      );
      const sum = logical
        .map((row) => `${variable("SIZE", { disk, partition: row.number })} + 1`)
        .join(" + ");
      const around = variable("SIZE", { disk, partition: extended.number });
      lines.push(...sizes, `${around}=$((${sum === "" ? "1" : sum})) # the extended partition around them`);
    }
    lines.push(...shareLines(outer, { disk, room: `ROOM_${disk}`, gap: 0 }));
    if (extended !== undefined && extended.size.kind !== "around" && logical.length > 0) {
      const room = variable("SIZE", { disk, partition: extended.number });
      lines.push(...shareLines(logical, { disk, room, gap: 1 }));
    }
    return lines;
  });
}

/** How the n-th disk of the layout is found. Those with conditions come first: the others are among what is left. */
function choiceLines(step: StepOf<"choose-disks">): readonly string[] {
  const { tables } = step;
  const device = (table: DiskTable) => quoteWord(table.device);
  const matched = tables.filter(({ match }) => match !== undefined);
  const others = tables.filter(({ match }) => match === undefined);
  const byName = tables.map(
    (table, index) => `\tDISK_${index + 1}=$(named_disk ${index + 1} ${device(table)}) || exit 1`,
  );
  const byMatch = matched.flatMap((table, index) => {
    const name = `DISK_${tables.indexOf(table) + 1}`;
    const alike = matched.slice(index).filter(({ match }) => match === table.match).length;
    return [
      `\t${name}=$(match_disk ${quoteWord(table.match ?? "")} ${device(table)} ${alike}) || exit 1`,
      `\tTAKEN="$TAKEN $${name}"`,
    ];
  });
  const byPlace = others.map((table, index) => {
    const words = `${index + 1} ${others.length} ${minimumDiskMib(table)} ${device(table)}`;
    return `\tDISK_${tables.indexOf(table) + 1}=$(choose_disk ${words}) || exit 1`;
  });
  return [`if [ -n "\${INGOT_DISKS:-}" ]; then`, ...byName, "else", ...byMatch, ...byPlace, "fi"];
}

export function renderChooseDisks(step: StepOf<"choose-disks">): string {
  const named =
    step.named === undefined
      ? []
      : [
          "# The disks that were named for this node.",
          `: "\${INGOT_DISKS:=${step.named.map(safeWord).join(" ")}}"`,
        ];
  const wipe =
    step.wipe === true ? ["# Whatever they hold may go: that was said.", `: "\${INGOT_WIPE:=yes}"`] : [];
  const seen = step.tables.map(
    (table, index) =>
      `say "${safeWord(table.device)} of the layout is $DISK_${index + 1} here ($MIB_${index + 1} MiB)"`,
  );
  const asked = step.tables.map(
    (table, index) => `may_wipe "$DISK_${index + 1}" ${table.wipe === true ? "wipe" : "ask"}`,
  );
  return [
    "# Which disk is which, and whether everything fits: nothing is written before this is known.",
    `need_programs ${step.programs.join(" ")}`,
    ...named,
    ...wipe,
    ...choiceLines(step),
    ...sizeLines(step),
    ...groupLines(step.groups),
    ...seen,
    ...asked,
    "",
  ].join("\n");
}

/** A device path, or conditions for a disk, that may stand inside double quotes. */
function safeWord(text: string): string {
  return text.replace(/[^A-Za-z0-9/_.:+,=-]/g, "");
}
