/** `ingot layout script`: the master script of a layout, to read, to edit and to pin. */
import { planInstall } from "../../../autoinstall/install/plan.ts";
import { renderScript } from "../../../autoinstall/install/render.ts";
import { formatDiagnostic } from "../../../autoinstall/layout/diagnostic.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { listCommand } from "../../../images/sync/listing.ts";
import type { Command } from "../command.ts";
import { firmwareOption, layoutArgument, layoutError, readLayout, refuseErrors } from "./layout.ts";
import { imageContent } from "./layout-content.ts";

export const layoutScriptCommand: Command = {
  name: "layout script",
  summary: "Print the master script: the POSIX program that a node runs to install itself",
  ...layoutArgument,
  synopsis: `${layoutArgument.synopsis} [--node NAME] [--firmware bios|uefi]`,
  options: {
    node: {
      type: "string",
      value: "NAME",
      help: "the host name that the script gives the machine (default node)",
    },
    firmware: {
      type: "string",
      value: "bios|uefi",
      help: "make the script for this firmware (default: the layout's own)",
    },
  },
  async run(context) {
    const read = await readLayout(context);
    const { layout, repairs, remaining } = repairLayout(read.layout);
    refuseErrors(read.source, remaining);
    for (const repair of repairs) {
      context.env.stderr.write(`${read.source.name}: repaired: ${repair.text} [${repair.code}]\n`);
    }
    const hostname = context.args.text("node") ?? "node";
    const firmware = firmwareOption(context, layoutScriptCommand);
    const content = await imageContent(context, read.source);
    const image = {
      name: content?.image ?? "image",
      version: content?.version ?? 1,
      treeBytes: content?.treeBytes ?? 0,
      treeFiles: content?.entries ?? 0,
    };
    const planned = planInstall({
      layout,
      node: { hostname },
      image,
      listCommand,
      ...(content === undefined ? {} : { used: content.used }),
      ...(firmware === undefined ? {} : { firmware }),
    });
    if (!planned.ok) {
      throw layoutError(read.source, planned.error);
    }
    for (const note of planned.value.notes) {
      context.env.stderr.write(`${formatDiagnostic(note, read.source.name)}\n`);
    }
    context.env.stdout.write(renderScript(planned.value.steps, { node: hostname, image: read.source.name }));
    return 0;
  },
};
