/** What is done with an image's versions: rolling back, naming, copying, moving, pruning. */
import { formatByteSize } from "../../../base/quantity.ts";
import { CopyResult, MoveResult, PruneResult, RollbackResult, VersionTags } from "../../api/schema/image.ts";
import { usageError } from "../arguments.ts";
import type { Command } from "../command.ts";
import { withCommas } from "../output.ts";
import { imagePath, splitVersion } from "./image-name.ts";
import { given, printJson, runJobs } from "./started.ts";

const replaceOption = {
  type: "boolean",
  short: "f",
  help: "replace an image that has the name: it goes when the work is done",
} as const;

export const imageRollbackCommand: Command = {
  name: "image rollback",
  summary: "Make the image's tree what one of its versions is",
  synopsis: "IMAGE[@VERSION] [--discard]",
  positionals: { min: 1, max: 1 },
  options: {
    discard: { type: "boolean", help: "lose changes of the tree that were not committed" },
  },
  description:
    "Versions stay as they are: commit the tree afterwards to make what it is now the newest version. While the tree has changes that are in no version, it is left alone.",
  examples: ["ingot image rollback web@3", "ingot image commit web -m 'back to 3'"],
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageRollbackCommand);
    const [job] = await runJobs(context, imagePath(image, "rollback"), {
      body: given({ version, discard: context.args.flag("discard") }),
      onInterrupt: "cancel",
    });
    const result = RollbackResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    const { write, metadata, delete: deleted, bytes } = result.summary;
    context.env.stdout.write(
      `The tree of ${result.image} is ${result.image}@${result.version}: ${withCommas(write)} written (${formatByteSize(bytes)}), ${withCommas(metadata)} with other metadata, ${withCommas(deleted)} removed\n`,
    );
    return 0;
  },
};

export const imageTagCommand: Command = {
  name: "image tag",
  summary: "Give a version a name, such as stable",
  synopsis: "IMAGE[@VERSION] TAG [--delete]",
  positionals: { min: 2, max: 2 },
  options: { delete: { type: "boolean", help: "take the name away" } },
  description:
    "IMAGE@TAG means that version wherever a version can be named. A tag that another version has moves to this one. Tagged versions are not pruned.",
  examples: ["ingot image tag web@3 stable", "ingot deploy @compute --image web@stable"],
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageTagCommand);
    const tag = context.args.positionals[1] ?? "";
    const remove = context.args.flag("delete");
    const answer = remove
      ? await context.api().call("DELETE", imagePath(image, `tags/${encodeURIComponent(tag)}`))
      : await context.api().call("POST", imagePath(image, "tags"), given({ tag, version }));
    const result = VersionTags.parse(answer);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    const tagged = result.tags.find((item) => item.tag === tag);
    context.env.stdout.write(
      tagged === undefined
        ? `${image} has no tag ${tag} any more\n`
        : `${image}@${tag} is ${image}@${tagged.version}\n`,
    );
    return 0;
  },
};

export const imageCopyCommand: Command = {
  name: "image copy",
  summary: "Make a new image of a version",
  synopsis: "IMAGE[@VERSION] NEWIMAGE [--force]",
  positionals: { min: 2, max: 2 },
  options: { force: replaceOption },
  description:
    "The new image's tree and first version are that version; the content is stored once for both. What was changed in the tree and not committed is not copied.",
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageCopyCommand);
    const [job] = await runJobs(context, imagePath(image, "copy"), {
      body: given({
        to: context.args.positionals[1] ?? "",
        version,
        replace: context.args.flag("force"),
      }),
      onInterrupt: "cancel",
    });
    const result = CopyResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    context.env.stdout.write(
      `${result.image}@${result.version}: ${withCommas(result.files)} entries, ${formatByteSize(result.bytes)}, as ${result.from}\n`,
    );
    return 0;
  },
};

export const imageMoveCommand: Command = {
  name: "image move",
  summary: "Give an image another name",
  synopsis: "IMAGE NEWNAME [--force]",
  positionals: { min: 2, max: 2 },
  options: { force: replaceOption },
  description:
    "Versions, tags and the tree go with it, and nodes are said to have the version under its new name.",
  async run(context) {
    const [image = "", to = ""] = context.args.positionals;
    const [job] = await runJobs(context, imagePath(image, "move"), {
      body: given({ to, replace: context.args.flag("force") }),
      onInterrupt: "cancel",
    });
    const result = MoveResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    const nodes = result.nodes.length === 0 ? "" : `, ${result.nodes.length} nodes have it`;
    context.env.stdout.write(
      `${result.from} is now ${result.to}: ${result.versions.length} versions${nodes}\n`,
    );
    return 0;
  },
};

export const imagePruneCommand: Command = {
  name: "image prune",
  summary: "Remove old versions of an image",
  synopsis: "IMAGE --keep N [--dry-run]",
  positionals: { min: 1, max: 1 },
  options: {
    keep: { type: "string", value: "N", help: "how many of the newest versions stay" },
    "dry-run": { type: "boolean", short: "n", help: "only say what would be removed" },
  },
  description:
    "Versions that are tagged, that a node is said to have, or that are being installed stay too. Content that no other version needs is removed with them.",
  async run(context) {
    const keep = Number(context.args.text("keep"));
    if (!Number.isSafeInteger(keep) || keep < 1) {
      throw usageError(imagePruneCommand, "--keep wants a number, 1 or more");
    }
    const [image = ""] = context.args.positionals;
    const dryRun = context.args.flag("dry-run");
    const result = PruneResult.parse(
      await context.api().call("POST", imagePath(image, "prune"), given({ keep, dryRun })),
    );
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    for (const { version, reason } of result.kept) {
      context.env.stdout.write(`${image}@${version} stays: ${reason}\n`);
    }
    const names = result.removed.map((version) => `@${version}`).join(" ");
    const done = result.applied ? "removed" : "would be removed";
    context.env.stdout.write(
      result.removed.length === 0
        ? `${image}: no version ${done}\n`
        : `${image}: ${names} ${done}, ${formatByteSize(result.bytes)}\n`,
    );
    return 0;
  },
};
