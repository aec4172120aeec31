/** Images as files: in from a tar or a directory, out to a tar. */
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
  summary: "Make a new image of a tar file or a directory",
  synopsis: "IMAGE --tar FILE|--dir DIR [--message TEXT]",
  positionals: { min: 1, max: 1 },
  options: {
    tar: { type: "string", value: "FILE", help: "a tar file, also compressed by zstd, gzip, xz or bzip2" },
    dir: { type: "string", value: "DIR", help: "a directory; what is mounted below it is left out" },
    message: { type: "string", short: "m", value: "TEXT", help: "for the history" },
  },
  description:
    "The daemon reads the file or directory, so it must be on the server. An archive that is cut short, damaged, or would write outside of the image is refused with the byte at which it is wrong, and nothing of it is kept.",
  async run(context) {
    const { image } = splitVersion(context.args.positionals[0], imageImportCommand);
    const [tar, dir] = [context.args.text("tar"), context.args.text("dir")];
    if ((tar === undefined) === (dir === undefined)) {
      throw usageError(imageImportCommand, "say one of --tar and --dir");
    }
    const { cwd } = context.env;
    const [job] = await runJobs(context, imagePath(image, "import"), {
      body: given({
        tar: tar === undefined ? undefined : resolve(cwd, tar),
        folder: dir === undefined ? undefined : resolve(cwd, dir),
        message: context.args.text("message"),
      }),
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
