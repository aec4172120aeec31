/** The layout commands that set two things side by side: a layout and a machine's disks, two layouts. */
import { diffLayouts, formatDifference } from "../../../autoinstall/layout/diff.ts";
import { drawLayout } from "../../../autoinstall/layout/draw.ts";
import { adaptToFirmware, layoutFirmware } from "../../../autoinstall/layout/firmware.ts";
import { fitLayout, type TargetDisk } from "../../../autoinstall/layout/fit.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { parseByteSize } from "../../../base/quantity.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { firmwareOption, layoutArgument, layoutError, readLayout, refuseErrors } from "./layout.ts";
import { imageContent } from "./layout-content.ts";
import { printJson } from "./started.ts";

export const layoutFitCommand: Command = {
  name: "layout fit",
  summary: "Show what a layout becomes on a machine's disks, before anything is installed",
  ...layoutArgument,
  synopsis: `${layoutArgument.synopsis} --disk DEVICE=SIZE... [--firmware bios|uefi]`,
  options: {
    disk: {
      type: "list",
      value: "DEVICE=SIZE",
      help: "a disk of the machine, such as /dev/sda=500G; in the order of the bus; may be repeated",
    },
    firmware: {
      type: "string",
      value: "bios|uefi",
      help: "of the machine (default: the layout's own)",
    },
  },
  description:
    "The layout is drawn as it is and as it will be. Ends with 2 where it does not fit, and says by how much.",
  async run(context) {
    const targets = targetDisks(context);
    const read = await readLayout(context);
    const { layout, remaining } = repairLayout(read.layout);
    refuseErrors(read.source, remaining);
    const adapted = adaptToFirmware(
      layout,
      firmwareOption(context, layoutFitCommand) ?? layoutFirmware(layout),
    );
    if (!adapted.ok) {
      throw layoutError(read.source, adapted.error);
    }
    const { used, treeBytes } = (await imageContent(context, read.source)) ?? {};
    const known = {
      ...(used === undefined ? {} : { used }),
      ...(treeBytes === undefined ? {} : { treeBytes }),
    };
    const fitted = fitLayout(adapted.value.layout, { targets, ...known });
    if (!fitted.ok) {
      throw layoutError(read.source, fitted.error);
    }
    const notes = [...adapted.value.notes, ...fitted.value.notes];
    if (context.args.json) {
      printJson(context, { disks: fitted.value.disks, notes });
      return 0;
    }
    const width = Math.min(context.env.stdout.columns, 100);
    context.env.stdout.write(`Before\n\n${drawLayout(layout, { width })}`);
    context.env.stdout.write(
      `\nAfter\n\n${drawLayout(adapted.value.layout, { width, fitted: fitted.value })}`,
    );
    for (const { message } of notes) {
      context.env.stdout.write(`${message}\n`);
    }
    return 0;
  },
};

function targetDisks(context: CommandContext): readonly TargetDisk[] {
  const words = context.args.list("disk");
  if (words.length === 0) {
    throw usageError(layoutFitCommand, "Name the machine's disks: --disk /dev/sda=500G");
  }
  return words.map((word) => {
    const [, device, text = ""] = /^(\/dev\/[^=]+)=(.+)$/.exec(word) ?? [];
    const size = parseByteSize(text);
    if (device === undefined || !size.ok) {
      throw usageError(layoutFitCommand, `'${word}' is not DEVICE=SIZE, such as /dev/sda=500G`);
    }
    return { device, size: size.value };
  });
}

export const layoutDiffCommand: Command = {
  name: "layout diff",
  summary: "Show what differs between two layouts: disks, partitions, arrays, volumes, lines",
  synopsis: "FILE|IMAGE[@VERSION] FILE|IMAGE[@VERSION]",
  positionals: { min: 2, max: 2 },
  description:
    "Comments and the order of elements count for nothing. Ends with 1 where the layouts differ, as diff does.",
  options: {},
  async run(context) {
    const [first = "", second = ""] = context.args.positionals;
    const before = await readLayout(context, first);
    const after = await readLayout(context, second);
    const differences = diffLayouts(before.layout, after.layout);
    if (context.args.json) {
      printJson(context, { differences });
    } else {
      context.env.stdout.write(differences.map((one) => `${formatDifference(one)}\n`).join(""));
    }
    return differences.length === 0 ? 0 : 1;
  },
};
