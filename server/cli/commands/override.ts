/** Override trees on the command line: what there is, what it does to a node, and laying it. */
import { AppError } from "../../../base/errors.ts";
import { formatByteSize } from "../../../base/quantity.ts";
import { NodeOverrides, OverrideList } from "../../api/schema/override.ts";
import type { Command } from "../command.ts";
import { renderTable, timeText, withCommas } from "../output.ts";
import { rulesOption, selectionFields, selectionOptions } from "./filters.ts";
import { given, printJson } from "./started.ts";
import { runUpdates } from "./update.ts";

export const overrideListCommand: Command = {
  name: "override list",
  summary: "List the trees that lie over images, and on whose nodes",
  synopsis: "",
  positionals: { min: 0, max: 0 },
  options: {},
  description:
    "An override is a folder overrides/NAME of the state folder. NAME is a node's, a group's, an image's, or 'all'; of several that have a path " +
    "the node's decides, then its groups' in their order, then that of all, then the image's.",
  async run(context) {
    const list = OverrideList.parse(await context.api().call("GET", "/api/overrides"));
    if (context.args.json) {
      printJson(context, list);
      return 0;
    }
    const rows = list.overrides.map(({ name, of, entries, bytes, changedAt }) => [
      name,
      of.length === 0 ? "nobody" : of.join(", "),
      withCommas(entries),
      formatByteSize(bytes),
      timeText(changedAt),
    ]);
    context.env.stdout.write(renderTable(["OVERRIDE", "OF", "ENTRIES", "SIZE", "CHANGED"], rows));
    return 0;
  },
};

export const overrideShowCommand: Command = {
  name: "override show",
  summary: "Show what overrides lay over the image on a node: each path, whose it is, and what it changes",
  synopsis: "NODE [--image IMAGE[@VERSION]]",
  positionals: { min: 1, max: 1 },
  options: {
    image: { type: "string", short: "i", value: "IMAGE", help: "over this image instead of the node's own" },
  },
  async run(context) {
    const node = encodeURIComponent(context.args.positionals[0] ?? "");
    const image = context.args.text("image");
    const query = image === undefined ? "" : `?image=${encodeURIComponent(image)}`;
    const shown = NodeOverrides.parse(
      await context.api().call("GET", `/api/nodes/${node}/overrides${query}`),
    );
    if (context.args.json) {
      printJson(context, shown);
      return 0;
    }
    const names = shown.overrides.length === 0 ? "no overrides" : shown.overrides.join(", ");
    context.env.stdout.write(`${shown.node}: ${names} over ${shown.image}@${shown.version}\n`);
    for (const { path, override, entry, changes } of shown.entries) {
      const what = changes === undefined ? "new" : changes.length === 0 ? "same" : changes.join(", ");
      context.env.stdout.write(`/${path}${entry === "directory" ? "/" : ""}  ${override}  (${what})\n`);
    }
    return 0;
  },
};

export const overridePushCommand: Command = {
  name: "override push",
  summary: "Bring what overrides lay to running nodes, and nothing else of their image",
  synopsis: "NODES [--image IMAGE[@VERSION]] [--dry-run]",
  positionals: { min: 1, max: 1 },
  options: {
    image: {
      type: "string",
      short: "i",
      value: "IMAGE",
      help: "they lie over this image, not the node's own",
    },
    "dry-run": { type: "boolean", short: "n", help: "print the plan with its reasons; change nothing" },
    "no-bootloader": {
      type: "boolean",
      short: "b",
      help: "leave initramfs and boot loader to the administrator",
    },
    rules: rulesOption,
    ...selectionOptions,
  },
  description:
    "Nothing is deleted: what an override no longer has goes with the next 'ingot update', which lays overrides too.",
  examples: ["ingot override push @web", "ingot override push web01 --dry-run"],
  async run(context) {
    const dryRun = context.args.flag("dry-run");
    await runUpdates(context, "/api/overrides/push", {
      list: dryRun,
      overridesOnly: true,
      body: {
        nodes: context.args.positionals[0],
        ...given({
          image: context.args.text("image"),
          dryRun,
          noBootloader: context.args.flag("no-bootloader"),
          ...selectionFields(context),
        }),
      },
    });
    return 0;
  },
};

export const overrideRemoveCommand: Command = {
  name: "override remove",
  summary:
    "Remove an override's tree; the next update of the nodes that had it brings the image's files back",
  synopsis: "OVERRIDE --yes",
  positionals: { min: 1, max: 1 },
  options: { yes: { type: "boolean", short: "y", help: "yes, remove it" } },
  async run(context) {
    const name = context.args.positionals[0] ?? "";
    if (!context.args.flag("yes")) {
      throw new AppError("refused", `Override '${name}' would be removed with all that is in it`, {
        hint: "say --yes if that is meant",
      });
    }
    await context.api().call("DELETE", `/api/overrides/${encodeURIComponent(name)}`);
    context.env.stdout.write(
      `${name} removed; nodes that had it keep its files until their next 'ingot update'\n`,
    );
    return 0;
  },
};
