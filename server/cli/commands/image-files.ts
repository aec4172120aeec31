/** Images as files: in from a disk, a tar or a directory, out to a tar. */
import { resolve } from "node:path";
import { formatByteSize } from "../../../base/quantity.ts";
import { ExportResult, ImportResult } from "../../api/schema.ts";
import { usageError } from "../arguments.ts";
import type { Command } from "../command.ts";
import { withCommas } from "../output.ts";
import { imagePath, splitVersion } from "./image-name.ts";
import { given, printJson, runJobs } from "./started.ts";

export const imageImportCommand: Command = {
  name: "image import",
  summary: "Make a new image of a disk, a tar file or a directory",
  synopsis: "IMAGE --disk FILE|--tar FILE|--dir DIR [--message TEXT]",
  positionals: { min: 1, max: 1 },
  options: {
    disk: {
      type: "string",
      value: "FILE",
      help: "a raw or qcow2 disk, also compressed; its partitions become the layout",
    },
    tar: { type: "string", value: "FILE", help: "a tar file, also compressed by zstd, gzip, xz or bzip2" },
    dir: { type: "string", value: "DIR", help: "a directory; what is mounted below it is left out" },
    message: { type: "string", short: "m", value: "TEXT", help: "for the history" },
  },
  description:
    "The daemon reads the file or directory, so it must be on the server. What is cut short, damaged, or would write outside of the image is refused with the byte at which it is wrong, and nothing of it is kept. The filesystems of a disk are checked before they are read.",
  async run(context) {
    const { image } = splitVersion(context.args.positionals[0], imageImportCommand);
    const { cwd } = context.env;
    const path = (name: string) => {
      const text = context.args.text(name);
      return text === undefined ? undefined : resolve(cwd, text);
    };
    const sources = { disk: path("disk"), tar: path("tar"), folder: path("dir") };
    if (Object.values(sources).filter((source) => source !== undefined).length !== 1) {
      throw usageError(imageImportCommand, "say one of --disk, --tar and --dir");
    }
    const [job] = await runJobs(context, imagePath(image, "import"), {
      body: given({ ...sources, message: context.args.text("message") }),
      onInterrupt: "cancel",
    });
    const result = ImportResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    context.env.stdout.write(
      `${result.image}@${result.version}: ${withCommas(result.files)} entries, ${formatByteSize(result.bytes)}\n`,
    );
    for (const note of result.notes) {
      context.env.stderr.write(`note: ${note}\n`);
    }
    return 0;
  },
};

export const imageExportCommand: Command = {
  name: "image export",
  summary: "Write a version as a tar file",
  synopsis: "IMAGE[@VERSION] --tar FILE [--force]",
  positionals: { min: 1, max: 1 },
  options: {
    tar: { type: "string", value: "FILE", help: "where to; compressed if its name ends with .zst" },
    force: { type: "boolean", short: "f", help: "replace a file that is there" },
  },
  description:
    "The daemon writes the file, on the server. GNU tar unpacks it exactly: tar -x -p --numeric-owner --xattrs --xattrs-include='*'. Sockets are left out: tar has none.",
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageExportCommand);
    const tar = context.args.text("tar");
    if (tar === undefined) {
      throw usageError(imageExportCommand, "--tar is missing");
    }
    const [job] = await runJobs(context, imagePath(image, "export"), {
      body: given({ version, file: resolve(context.env.cwd, tar), replace: context.args.flag("force") }),
      onInterrupt: "cancel",
    });
    const result = ExportResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
      return 0;
    }
    context.env.stdout.write(
      `${result.image}@${result.version} is in ${result.file}: ${formatByteSize(result.bytes)}\n`,
    );
    return 0;
  },
};
