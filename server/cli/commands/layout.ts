/** The layout commands: on a file they need no daemon; on an image's name they read the newest version's layout from it. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { checkLayout } from "../../../autoinstall/layout/check.ts";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { type Diagnostic, formatDiagnostic, hasErrors } from "../../../autoinstall/layout/diagnostic.ts";
import { drawLayout } from "../../../autoinstall/layout/draw.ts";
import { factsFromDump } from "../../../autoinstall/layout/dump.ts";
import { encodeLayout } from "../../../autoinstall/layout/encode.ts";
import type { DiskLayout } from "../../../autoinstall/layout/model.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import type { RepairContext } from "../../../autoinstall/layout/repaired.ts";
import { AppError } from "../../../base/errors.ts";
import type { Firmware } from "../../../images/capture/facts.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { readTextFile, replaceTextFile } from "../text-file.ts";
import { printJson } from "./started.ts";

export interface Source {
  /** The file's path, or `web@3`. */
  readonly name: string;
  /** Absent for an image's layout. */
  readonly file?: string;
  readonly text: string;
}

interface ReadLayout {
  readonly source: Source;
  readonly layout: DiskLayout;
  readonly diagnostics: readonly Diagnostic[];
}

export const layoutArgument = {
  synopsis: "FILE|IMAGE[@VERSION]",
  positionals: { min: 1, max: 1 },
  description:
    "The argument is a file (an existing one, or a name with a slash), or an image, whose newest version's " +
    "etc/systemimager/autoinstallscript.conf is read through the daemon.",
} as const;

export const layoutCheckCommand: Command = {
  name: "layout check",
  summary: "Check an autoinstallscript.conf: what is wrong, with line and column",
  ...layoutArgument,
  options: {},
  async run(context) {
    const source = await readSource(context);
    const { layout, diagnostics } = decodeLayout(source.text);
    const all = layout === undefined ? diagnostics : [...diagnostics, ...checkLayout(layout)];
    if (context.args.json) {
      printJson(context, { file: source.name, diagnostics: all });
    } else {
      const lines = all.map((diagnostic) => `${formatDiagnostic(diagnostic, source.name)}\n`);
      context.env.stdout.write(lines.length === 0 ? `${source.name}: nothing wrong\n` : lines.join(""));
    }
    return hasErrors(all) ? 2 : 0;
  },
};

export const layoutRepairCommand: Command = {
  name: "layout repair",
  summary: "Repair an autoinstallscript.conf: each repair has a name and is printed",
  synopsis: "FILE [--from DUMP] [--dry-run]",
  positionals: { min: 1, max: 1 },
  options: {
    from: {
      type: "string",
      value: "DUMP",
      help: "the golden client's partition table, as sfdisk -d, sgdisk -p, parted -m or lsblk --json print it",
    },
    "dry-run": {
      type: "boolean",
      short: "n",
      help: "print the repaired file on standard output; write nothing",
    },
  },
  description:
    "A missing or empty disk section is rebuilt from DUMP where that has the disk, or else from the <fsinfo> lines. Repairing a repaired file changes nothing. What cannot be " +
    "repaired is told with what a person must decide, and nothing is written then.",
  async run(context) {
    const read = await readLayout(context);
    const { layout, repairs, remaining } = repairLayout(read.layout, dumpContext(context));
    const text = encodeLayout(layout);
    if (context.args.json) {
      printJson(context, { file: read.source.name, repairs, remaining, text });
    }
    for (const repair of repairs) {
      context.env.stderr.write(`${read.source.name}: repaired: ${repair.text} [${repair.code}]\n`);
    }
    for (const finding of remaining) {
      context.env.stderr.write(`${formatDiagnostic(finding, read.source.name)}: ${finding.advice}\n`);
    }
    if (hasErrors(remaining)) {
      throw new AppError("bad-input", `${read.source.name} cannot be repaired whole`, {
        hint: "decide what is named above; nothing was written",
      });
    }
    if (context.args.flag("dry-run")) {
      context.env.stdout.write(context.args.json ? "" : text);
      return 0;
    }
    if (read.source.file === undefined) {
      throw usageError(
        layoutRepairCommand,
        "An image's layout is repaired when it is installed; name a file to write",
      );
    }
    if (repairs.length === 0) {
      context.env.stderr.write(`${read.source.name}: nothing to repair\n`);
      return 0;
    }
    replaceTextFile(read.source.file, text);
    return 0;
  },
};

export const layoutShowCommand: Command = {
  name: "layout show",
  summary: "Draw a layout's disks: partitions to scale, sizes, filesystems",
  ...layoutArgument,
  options: {},
  async run(context) {
    const { layout, repairs } = repairLayout((await readLayout(context)).layout);
    if (context.args.json) {
      printJson(context, layout);
      return 0;
    }
    context.env.stdout.write(drawLayout(layout, { width: Math.min(context.env.stdout.columns, 100) }));
    context.env.stdout.write(repairs.map((repair) => `As repaired: ${repair.text}\n`).join(""));
    return 0;
  },
};

/** What the file named by --from tells. */
function dumpContext(context: CommandContext): RepairContext {
  const name = context.args.text("from");
  if (name === undefined) {
    return {};
  }
  const facts = factsFromDump(readTextFile(resolve(context.env.cwd, name)), name);
  if (!facts.ok) {
    throw new AppError("bad-input", `${name} cannot be read as a partition table: ${facts.error}`, {
      hint: "on the golden client: sfdisk -d /dev/sda >FILE",
    });
  }
  return { facts: facts.value };
}

export function firmwareOption(context: CommandContext, command: Command): Firmware | undefined {
  const text = context.args.text("firmware");
  if (text !== undefined && text !== "bios" && text !== "uefi") {
    throw usageError(command, `'${text}' is not a firmware: bios or uefi`);
  }
  return text;
}

/** Reads and decodes; what is not XML or cannot be read as a layout at all is an error with its place. */
export async function readLayout(context: CommandContext, argument?: string): Promise<ReadLayout> {
  const source = await readSource(context, argument);
  const { layout, diagnostics } = decodeLayout(source.text);
  if (layout === undefined) {
    throw layoutError(source, diagnostics);
  }
  return { source, layout, diagnostics };
}

async function readSource(context: CommandContext, named?: string): Promise<Source> {
  const argument = named ?? context.args.positionals[0] ?? "";
  const path = resolve(context.env.cwd, argument);
  if (argument.includes("/") || argument.endsWith(".conf") || existsSync(path)) {
    return { name: argument, file: path, text: readTextFile(path) };
  }
  const [image = "", version] = argument.split("@");
  const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
  const text = await context.api().text(`/api/images/${encodeURIComponent(image)}/layout${query}`);
  return { name: argument, text };
}

export function refuseErrors(source: Source, diagnostics: readonly Diagnostic[]): void {
  if (hasErrors(diagnostics)) {
    throw layoutError(source, diagnostics);
  }
}

export function layoutError(source: Source, diagnostics: readonly Diagnostic[]): AppError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  return new AppError("bad-input", errors.map((error) => formatDiagnostic(error, source.name)).join("\n"), {
    hint: `'ingot layout check ${source.name}' shows everything`,
    ...(first?.at === undefined ? {} : { fields: { line: first.at.line, column: first.at.column } }),
  });
}
