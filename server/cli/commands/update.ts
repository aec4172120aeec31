import { formatByteSize } from "../../../base/quantity.ts";
import type { Job } from "../../api/schema/job.ts";
import { UpdateResult } from "../../api/schema/update.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { throwIfFailed } from "../follow.ts";
import { selectionOptions } from "./capture.ts";
import { filterRules, renderRules, rulesOption } from "./filters.ts";
import { renderActions } from "./image.ts";
import { given, printJson, runJobs } from "./started.ts";

const checksumOption = {
  type: "boolean",
  help: "compare the content of every file, whatever sizes and times say",
} as const;

export const updateCommand: Command = {
  name: "update",
  summary: "Bring running nodes to a version of an image, leaving what the exclude lists protect",
  synopsis: "NODES --image IMAGE[@VERSION] [--dry-run]",
  positionals: { min: 1, max: 1 },
  options: {
    image: {
      type: "string",
      short: "i",
      value: "IMAGE",
      help: "what to bring them to: web (newest version) or web@3",
    },
    "dry-run": { type: "boolean", short: "n", help: "print the plan with its reasons; change nothing" },
    "no-delete": { type: "boolean", help: "keep files that the image does not have" },
    checksum: checksumOption,
    "no-bootloader": {
      type: "boolean",
      short: "b",
      help: "leave initramfs and boot loader to the administrator",
    },
    reboot: { type: "boolean", short: "r", help: "reboot the nodes afterwards" },
    rules: rulesOption,
    ...selectionOptions,
  },
  description:
    "Files are staged beside their destination and renamed into place: running programs go on, and an interrupted update leaves whole " +
    "files, old or new; running it again finishes it.",
  examples: ["ingot update @web --image web", "ingot update web01 --image web --dry-run"],
  async run(context) {
    const image = context.args.text("image");
    if (image === undefined) {
      throw usageError(updateCommand, "--image is missing");
    }
    const dryRun = context.args.flag("dry-run");
    const jobs = await runJobs(context, "/api/update", {
      body: {
        nodes: context.args.positionals[0],
        image,
        ...given({
          dryRun,
          noBootloader: context.args.flag("no-bootloader"),
          noDelete: context.args.flag("no-delete"),
          checksum: context.args.flag("checksum"),
          reboot: context.args.flag("reboot"),
          filter: filterRules(context),
          exclude: context.args.list("exclude"),
          profiles: context.args.list("profile"),
        }),
      },
      onInterrupt: "cancel",
      keepFailures: true,
    });
    printResults(context, jobs, { list: dryRun });
    throwIfFailed(jobs);
    return 0;
  },
};

export const driftCommand: Command = {
  name: "drift",
  summary: "Show what differs between running nodes and the version they are said to have",
  synopsis: "NODES [--image IMAGE[@VERSION]]",
  positionals: { min: 1, max: 1 },
  options: {
    image: { type: "string", short: "i", value: "IMAGE", help: "compare with this version instead" },
    checksum: checksumOption,
    rules: rulesOption,
    ...selectionOptions,
  },
  description: "Changes nothing. Exit code 8 when a node differs, so that a script can ask.",
  async run(context) {
    const jobs = await runJobs(context, "/api/drift", {
      body: {
        nodes: context.args.positionals[0],
        ...given({
          image: context.args.text("image"),
          checksum: context.args.flag("checksum"),
          filter: filterRules(context),
          exclude: context.args.list("exclude"),
          profiles: context.args.list("profile"),
        }),
      },
      onInterrupt: "cancel",
      keepFailures: true,
    });
    const results = printResults(context, jobs, { list: true });
    throwIfFailed(jobs);
    return results.some((result) => changes(result) > 0) ? 8 : 0;
  },
};

function changes(result: UpdateResult): number {
  return result.summary.write + result.summary.metadata + result.summary.delete;
}

export function printResults(
  context: CommandContext,
  jobs: readonly Job[],
  options: { readonly list: boolean },
): UpdateResult[] {
  const results = jobs.filter((job) => job.state === "done").map((job) => UpdateResult.parse(job.result));
  if (context.args.json) {
    printJson(context, { results });
    return results;
  }
  for (const result of results) {
    if (options.list) {
      context.env.stdout.write(renderActions(result.actions));
      if (result.truncated) {
        context.env.stdout.write(
          `... the list is cut at ${result.actions.length}; --json and the summary count all\n`,
        );
      }
    }
    if (options.list) {
      context.env.stdout.write(renderRules(context, result.rules));
    }
    context.env.stdout.write(`${summaryLine(result)}\n`);
    for (const note of result.notes) {
      context.env.stdout.write(`${result.node}: ${note}\n`);
    }
  }
  return results;
}

function summaryLine(result: UpdateResult): string {
  const { write, metadata, delete: removed, bytes } = result.summary;
  const over =
    (result.overrides ?? []).length === 0 ? "" : ` with overrides ${(result.overrides ?? []).join(", ")}`;
  if (changes(result) === 0) {
    return `${result.node}: is ${result.image}@${result.version}${over}, nothing to do`;
  }
  const verbs = result.applied
    ? ["written", "with other metadata", "removed"]
    : ["to write", "with other metadata", "to remove"];
  return `${result.node}: ${result.image}@${result.version}${over}: ${write} ${verbs[0]}, ${metadata} ${verbs[1]}, ${removed} ${verbs[2]}, ${formatByteSize(bytes)}`;
}
