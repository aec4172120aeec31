import { formatByteSize } from "../../../base/quantity.ts";
import { parseTag } from "../../../images/manifest.ts";
import { FileVersions, ImageDiff } from "../../api/schema/image.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { withCommas } from "../output.ts";
import { textDiff } from "../text-diff.ts";
import { imagePath } from "./image-name.ts";
import { given, printJson } from "./started.ts";

export const imageDiffCommand: Command = {
  name: "image diff",
  summary: "Show what changed between two versions of an image",
  synopsis: "IMAGE [FROM [TO]] [--content PATH]",
  positionals: { min: 1, max: 3 },
  options: {
    content: { type: "string", value: "PATH", help: "show the changes of this file's text" },
  },
  description:
    "Without TO, the newest version; without FROM, the one before TO. Packages of dpkg and rpm that came, went or changed are named first; for rpm the server needs the program.",
  examples: ["ingot image diff web 3", "ingot image diff web 3 4 --content /etc/ssh/sshd_config"],
  async run(context) {
    const [image = "", from, to] = context.args.positionals;
    const query = new URLSearchParams(
      given({
        from: versionWord(from, imageDiffCommand),
        to: versionWord(to, imageDiffCommand),
      }) as Record<string, string>,
    );
    const file = context.args.text("content");
    if (file !== undefined) {
      query.set("path", file);
      return showContent(context, await context.api().call("GET", `${imagePath(image, "file")}?${query}`));
    }
    const diff = ImageDiff.parse(
      await context.api().call("GET", `/api/images/${encodeURIComponent(image)}/diff?${query}`),
    );
    if (context.args.json) {
      printJson(context, diff);
      return 0;
    }
    context.env.stdout.write(renderPackages(diff.packages ?? []));
    context.env.stdout.write(renderDifferences(diff.actions));
    context.env.stdout.write(diff.notes.map((note) => `Note: ${note}\n`).join(""));
    const { added, changed, removed } = diff.counts;
    context.env.stdout.write(
      `${diff.image}@${diff.from} -> @${diff.to}: ${withCommas(added)} added, ${withCommas(changed)} changed, ${withCommas(removed)} removed; ${formatByteSize(diff.summary.bytes)} of content${diff.truncated ? " (list cut)" : ""}\n`,
    );
    return 0;
  },
};

function showContent(context: CommandContext, answer: unknown): number {
  const { path, from, to } = FileVersions.parse(answer);
  if (context.args.json) {
    printJson(context, { path, from, to });
    return 0;
  }
  if (from.text === undefined || to.text === undefined) {
    context.env.stdout.write(
      `/${path} is no text: ${formatByteSize(from.bytes)} in @${from.version}, ${formatByteSize(to.bytes)} in @${to.version}\n`,
    );
    return 0;
  }
  const name = (side: string, exists: boolean) => (exists ? `${side}/${path}` : "/dev/null");
  context.env.stdout.write(
    textDiff(
      { name: name(`@${from.version}`, from.exists), text: from.text },
      { name: name(`@${to.version}`, to.exists), text: to.text },
    ),
  );
  return 0;
}

/** One line per entry that is not the same in both: what happened to it, what of it differs, how large it was and is. */
export function renderDifferences(actions: ImageDiff["actions"]): string {
  return actions
    .map(({ kind, path, changes, attributes = [], bytesBefore, bytesAfter }) => {
      const isNew = changes.includes("missing");
      const word = kind === "delete" ? "removed" : isNew ? "added" : "changed";
      const named = isNew
        ? []
        : changes.flatMap((change) =>
            change === "extended" && attributes.length > 0 ? attributes : [change],
          );
      const sizes = [bytesBefore, bytesAfter].filter((size) => size !== undefined);
      const shown = bytesBefore === bytesAfter ? sizes.slice(1) : sizes;
      return `${[
        `${word.padEnd(8)} /${path}`,
        ...(named.length === 0 ? [] : [`(${named.join(", ")})`]),
        ...(shown.length === 0 ? [] : [shown.map(formatByteSize).join(" -> ")]),
      ].join("  ")}\n`;
    })
    .join("");
}

function renderPackages(packages: NonNullable<ImageDiff["packages"]>): string {
  return packages
    .map(({ name, kind, before, after }) => {
      const versions = [before, after].filter((version) => version !== undefined).join(" -> ");
      return `package  ${name} ${kind}  (${versions})\n`;
    })
    .join("");
}

/** Accepts `3`, `@3`, `web@3`, and a tag in place of the number. */
function versionWord(text: string | undefined, command: Command): string | undefined {
  if (text === undefined) {
    return undefined;
  }
  const word = text.replace(/^.*@/, "");
  if (!/^[1-9]\d{0,8}$/.test(word) && !parseTag(word).ok) {
    throw usageError(command, `'${text}' is not a version: a number or a tag`);
  }
  return word;
}
