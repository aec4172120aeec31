import { AppError } from "../../../base/errors.ts";
import { formatByteSize } from "../../../base/quantity.ts";
import {
  CommitResult,
  ImageDetails,
  ImageList,
  type ImageVersion,
  VerifyResult,
} from "../../api/schema/image.ts";
import type { PlannedAction } from "../../api/schema/update.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { renderTable, timeText, withCommas } from "../output.ts";
import { imagePath, splitVersion } from "./image-name.ts";
import { given, printJson, runJobs } from "./started.ts";

export const imageListCommand: Command = {
  name: "image list",
  summary: "List the images, or those that are named",
  synopsis: "[IMAGE...]",
  positionals: { min: 0, max: 1000 },
  options: {},
  async run(context) {
    const all = ImageList.parse(await context.api().call("GET", "/api/images"));
    const list = { images: namedImages(all, context.args.positionals) };
    if (context.args.json) {
      printJson(context, list);
      return 0;
    }
    const rows = list.images.map((image) => [
      image.name,
      image.latest === undefined ? "-" : String(image.latest.version),
      image.latest === undefined ? "-" : formatByteSize(image.latest.bytes),
      image.latest === undefined ? "-" : withCommas(image.latest.files),
      image.latest === undefined ? "no version yet" : timeText(image.latest.createdAt),
      image.latest?.source ?? "",
    ]);
    context.env.stdout.write(
      renderTable(["IMAGE", "NEWEST", "SIZE", "ENTRIES", "WHEN", "FROM"], rows, [1, 2, 3]),
    );
    return 0;
  },
};

/** In the order in which they are named; all, where none is. */
function namedImages(all: ImageList, names: readonly string[]): ImageList["images"] {
  return names.length === 0
    ? all.images
    : names.map((name) => {
        const found = all.images.find((image) => image.name === name);
        if (found === undefined) {
          throw new AppError("not-found", `Image ${name} does not exist`, {
            hint: "ingot image list shows all images",
          });
        }
        return found;
      });
}

export const imageShowCommand: Command = {
  name: "image show",
  summary: "Show one image: its tree, its newest version or the one that is named, who holds it",
  synopsis: "IMAGE[@VERSION]",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageShowCommand);
    const details = await imageDetails(context, image, version);
    if (context.args.json) {
      printJson(context, details);
      return 0;
    }
    const lines = [`image     ${details.name}`, `tree      ${details.tree}`, `versions  ${details.versions}`];
    if (details.latest !== undefined) {
      lines.push(`newest    ${versionLine(details.latest)}`);
    }
    if (details.version !== undefined && details.version.version !== details.latest?.version) {
      lines.push(`asked     ${versionLine(details.version)}`);
    }
    if (details.packs !== undefined) {
      const { bytes, own } = details.packs;
      lines.push(
        `on disk   ${formatByteSize(bytes)} compressed, ${formatByteSize(own)} of it in no other version`,
      );
    }
    for (const { version, tags } of details.history) {
      lines.push(...tags.map((tag) => `tag       ${tag} is ${details.name}@${version}`));
    }
    if (details.lock !== undefined) {
      lines.push(`held      ${details.lock.purpose} since ${timeText(details.lock.since)}`);
    }
    context.env.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  },
};

export const imageHistoryCommand: Command = {
  name: "image history",
  summary: "List an image's versions, newest first",
  synopsis: "IMAGE",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    const details = await imageDetails(context, context.args.positionals[0] ?? "");
    if (context.args.json) {
      printJson(context, details.history);
      return 0;
    }
    const rows = details.history.map((version) => [
      `${details.name}@${version.version}`,
      version.tags.join(" "),
      timeText(version.createdAt),
      formatByteSize(version.bytes),
      formatByteSize(version.stored),
      withCommas(version.files),
      version.source ?? "",
      version.message,
    ]);
    context.env.stdout.write(
      renderTable(
        ["VERSION", "TAGS", "WHEN", "SIZE", "ADDED", "ENTRIES", "FROM", "MESSAGE"],
        rows,
        [3, 4, 5],
      ),
    );
    return 0;
  },
};

export const imageCommitCommand: Command = {
  name: "image commit",
  summary: "Commit the image's tree as its next version",
  synopsis: "IMAGE [--message TEXT]",
  positionals: { min: 1, max: 1 },
  options: { message: { type: "string", short: "m", value: "TEXT", help: "what changed, for the history" } },
  examples: ["ingot image chroot web apt-get -y upgrade", "ingot image commit web -m 'security updates'"],
  async run(context) {
    const [image = ""] = context.args.positionals;
    const [job] = await runJobs(context, `/api/images/${encodeURIComponent(image)}/commit`, {
      body: given({ message: context.args.text("message") }),
      onInterrupt: "cancel",
    });
    const result = CommitResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    const said = result.changed
      ? `${result.image}@${result.version}: ${withCommas(result.files)} entries, ${formatByteSize(result.bytes)}`
      : `${result.image}@${result.version}: nothing changed, no version made`;
    context.env.stdout.write([said, ...result.notes.map((note) => `Note: ${note}`), ""].join("\n"));
    return 0;
  },
};

export const imageVerifyCommand: Command = {
  name: "image verify",
  summary: "Read a whole version, or all of an image, and name what is damaged",
  synopsis: "IMAGE[@VERSION] [--all]",
  positionals: { min: 1, max: 1 },
  options: { all: { type: "boolean", help: "read every version of the image" } },
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageVerifyCommand);
    const all = context.args.flag("all");
    if (all && version !== undefined) {
      throw usageError(imageVerifyCommand, "--all reads every version: name the image alone");
    }
    const [job] = await runJobs(context, imagePath(image, "verify"), {
      body: given({ version, all }),
      onInterrupt: "cancel",
    });
    const result = VerifyResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
    }
    if (result.problems.length > 0) {
      throw new AppError(
        "corrupt",
        `${result.image}@${result.version} is damaged in ${result.problems.length} places`,
        {
          hint: result.problems.join("\n"),
        },
      );
    }
    if (!context.args.json) {
      context.env.stdout.write(
        `${verified(result)}: ${withCommas(result.files)} entries, ${formatByteSize(result.bytes)} read, all as committed\n`,
      );
    }
    return 0;
  },
};

function verified({ image, version, versions = [] }: VerifyResult): string {
  return versions.length < 2 ? `${image}@${version}` : `${image}, ${versions.length} versions`;
}

export const imageRemoveCommand: Command = {
  name: "image remove",
  summary: "Remove an image, its tree and all its versions",
  synopsis: "IMAGE --yes",
  positionals: { min: 1, max: 1 },
  options: { yes: { type: "boolean", short: "y", help: "yes, remove it" } },
  async run(context) {
    const [image = ""] = context.args.positionals;
    if (!context.args.flag("yes")) {
      throw new AppError("refused", `Image '${image}' would be removed with all its versions`, {
        hint: "say --yes if that is meant",
      });
    }
    await context.api().call("DELETE", `/api/images/${encodeURIComponent(image)}`);
    context.env.stdout.write(`${image} removed\n`);
    return 0;
  },
};

/** One line per planned action: what happens, to which path, and why. */
export function renderActions(actions: readonly PlannedAction[]): string {
  return actions
    .map((action) => {
      const reasons = action.changes.length === 0 ? "" : `  (${action.changes.join(", ")})`;
      const from = action.override === undefined ? "" : `  override ${action.override}`;
      return `${action.kind.padEnd(8)} /${action.path}${reasons}${from}\n`;
    })
    .join("");
}

async function imageDetails(
  context: CommandContext,
  image: string,
  version?: number | string,
): Promise<ImageDetails> {
  const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
  return ImageDetails.parse(
    await context.api().call("GET", `/api/images/${encodeURIComponent(image)}${query}`),
  );
}

function versionLine(version: ImageVersion): string {
  const from = version.source === undefined ? "" : ` from ${version.source}`;
  return `@${version.version}, ${timeText(version.createdAt)}, ${withCommas(version.files)} entries, ${formatByteSize(version.bytes)}${from}`;
}
