import { formatByteSize } from "../../../base/quantity.ts";
import type { Job } from "../../api/schema/job.ts";
import { UpdateResult } from "../../api/schema/update.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { throwIfFailed } from "../follow.ts";
import { renderRules, rulesOption, selectionFields, selectionOptions } from "./filters.ts";
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
    await runUpdates(context, "/api/update", {
      list: dryRun,
      body: {
        nodes: context.args.positionals[0],
        image,
        ...given({
          dryRun,
          noBootloader: context.args.flag("no-bootloader"),
          noDelete: context.args.flag("no-delete"),
          checksum: context.args.flag("checksum"),
          reboot: context.args.flag("reboot"),
          ...selectionFields(context),
        }),
      },
    });
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
    const results = await runUpdates(context, "/api/drift", {
      list: true,
      body: {
        nodes: context.args.positionals[0],
        ...given({
          image: context.args.text("image"),
          checksum: context.args.flag("checksum"),
          ...selectionFields(context),
        }),
      },
    });
    return results.some((result) => changes(result) > 0) ? 8 : 0;
  },
};

function changes(result: UpdateResult): number {
  return result.summary.write + result.summary.metadata + result.summary.delete;
}

interface UpdateRun {
  readonly body: object;
  /** Whether the plan is shown. */
  readonly list: boolean;
  /** Only what overrides lay was looked at. */
  readonly overridesOnly?: boolean;
}

/** Runs updates of nodes, or looks at them, and prints what came of it; throws what `throwIfFailed` throws where one failed. */
export async function runUpdates(
  context: CommandContext,
  path: string,
  { body, ...shown }: UpdateRun,
): Promise<readonly UpdateResult[]> {
  const jobs = await runJobs(context, path, { body, onInterrupt: "cancel", keepFailures: true });
  const results = printResults(context, jobs, shown);
  throwIfFailed(jobs);
  return results;
}

function printResults(
  context: CommandContext,
  jobs: readonly Job[],
  options: Omit<UpdateRun, "body">,
): readonly UpdateResult[] {
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
    context.env.stdout.write(`${summaryLine(result, options.overridesOnly === true)}\n`);
    for (const note of result.notes) {
      context.env.stdout.write(`${result.node}: ${note}\n`);
    }
  }
  return results;
}

function summaryLine(result: UpdateResult, overridesOnly: boolean): string {
  const { write, metadata, delete: removed, bytes } = result.summary;
  const version = `${result.image}@${result.version}`;
  const names = (result.overrides ?? []).join(", ");
  const over = names === "" ? "" : ` with overrides ${names}`;
  const what = overridesOnly ? `overrides ${names || "(none)"} over ${version}` : `${version}${over}`;
  if (changes(result) === 0) {
    return `${result.node}: ${overridesOnly ? "has" : "is"} ${what}, nothing to do`;
  }
  const verbs = result.applied
    ? ["written", "with other metadata", "removed"]
    : ["to write", "with other metadata", "to remove"];
  return `${result.node}: ${what}: ${write} ${verbs[0]}, ${metadata} ${verbs[1]}, ${removed} ${verbs[2]}, ${formatByteSize(bytes)}`;
}
