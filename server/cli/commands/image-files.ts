/** Images as files: in from a disk, a tar, a container archive or a directory, out to a tar, a container archive or a disk. */
import { resolve } from "node:path";
import { formatByteSize, parseByteSize } from "../../../base/quantity.ts";
import { ExportResult, ImportResult } from "../../api/schema/image-file.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { withCommas } from "../output.ts";
import { imagePath, splitVersion } from "./image-name.ts";
import { takeOver } from "./image-systemimager.ts";
import { given, printJson, runJobs } from "./started.ts";

export const imageImportCommand: Command = {
  name: "image import",
  summary: "Make a new image of a disk, a tar file, a container archive or a directory",
  synopsis:
    "IMAGE --disk FILE|--tar FILE|--oci FILE|--dir DIR [--message TEXT] | [IMAGE...] --systemimager DIR",
  positionals: { min: 0, max: 1000 },
  options: {
    disk: {
      type: "string",
      value: "FILE",
      help: "a raw or qcow2 disk, also compressed; its partitions become the layout",
    },
    tar: { type: "string", value: "FILE", help: "a tar file, also compressed by zstd, gzip, xz or bzip2" },
    oci: {
      type: "string",
      value: "FILE",
      help: "an archive in the OCI layout or of 'docker save', also compressed; its layers become one tree",
    },
    ref: { type: "string", value: "NAME", help: "which image of the archive, where it holds several" },
    dir: { type: "string", value: "DIR", help: "a directory; what is mounted below it is left out" },
    systemimager: {
      type: "string",
      value: "DIR",
      help: "what was /var/lib/systemimager: all images or those named, overrides, scripts, and the nodes and groups of cluster.xml",
    },
    cluster: { type: "string", value: "FILE", help: "cluster.xml, where it is not in DIR" },
    "dry-run": { type: "boolean", short: "n", help: "with --systemimager: only say what would be taken" },
    message: { type: "string", short: "m", value: "TEXT", help: "for the history" },
  },
  description:
    "The daemon reads the file or directory, so it must be on the server. What is cut short, damaged, or would write outside of the image is refused with the byte at which it is wrong, and nothing of it is kept. The filesystems of a disk are checked before they are read. " +
    "Of a SystemImager server, everything that is not taken is named, with the reason.",
  examples: [
    "ingot image import web --disk /srv/incoming/web.qcow2",
    "ingot image import --systemimager /srv/old/var/lib/systemimager --dry-run",
  ],
  async run(context) {
    const { cwd } = context.env;
    const path = (name: string) => {
      const text = context.args.text(name);
      return text === undefined ? undefined : resolve(cwd, text);
    };
    const folder = path("systemimager");
    const sources = { disk: path("disk"), tar: path("tar"), container: path("oci"), folder: path("dir") };
    const count = Object.values(sources).filter((source) => source !== undefined).length;
    if (count + (folder === undefined ? 0 : 1) !== 1) {
      throw usageError(imageImportCommand, "say one of --disk, --tar, --oci, --dir and --systemimager");
    }
    if (folder !== undefined) {
      return takeOver(context, { folder, cluster: path("cluster"), images: context.args.positionals });
    }
    if (context.args.positionals.length !== 1) {
      throw usageError(imageImportCommand, "name the new image");
    }
    const { image } = splitVersion(context.args.positionals[0], imageImportCommand);
    const [job] = await runJobs(context, imagePath(image, "import"), {
      body: given({
        ...sources,
        reference: context.args.text("ref"),
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
    for (const note of result.notes) {
      context.env.stderr.write(`note: ${note}\n`);
    }
    return 0;
  },
};

export const imageExportCommand: Command = {
  name: "image export",
  summary: "Write a version as a tar file, as a container archive, or as a disk that boots",
  synopsis: "IMAGE[@VERSION] --tar FILE|--oci FILE|--disk FILE --size SIZE [--force]",
  positionals: { min: 1, max: 1 },
  options: {
    tar: { type: "string", value: "FILE", help: "where to; compressed if its name ends with .zst" },
    oci: {
      type: "string",
      value: "FILE",
      help: "where to; an OCI archive of one layer, which 'docker load' takes too",
    },
    disk: {
      type: "string",
      value: "FILE",
      help: "where to; qcow2 if its name ends with .qcow2, else raw and sparse",
    },
    size: { type: "string", value: "SIZE", help: "of the disk: 20G" },
    firmware: {
      type: "string",
      value: "bios|uefi",
      help: "that the disk is for; the layout's own unless told",
    },
    hostname: {
      type: "string",
      value: "NAME",
      help: "of the system on the disk; the image's name unless told",
    },
    force: { type: "boolean", short: "f", help: "replace a file that is there" },
  },
  description:
    "The daemon writes the file, on the server. GNU tar unpacks a tar exactly: tar -x -p --numeric-owner --xattrs --xattrs-include='*'; sockets are left out, tar has none. " +
    "A disk is made by the master script of an install, so it is partitioned by the image's layout, compared with the version, and boots without any further step.",
  examples: [
    "ingot image export web --disk /srv/web.qcow2 --size 20G",
    "ingot image export web@3 --tar /srv/web.tar.zst",
    "ingot image export web --oci /srv/web.oci.tar",
  ],
  async run(context) {
    const { image, version } = splitVersion(context.args.positionals[0], imageExportCommand);
    const disk = context.args.text("disk");
    const container = context.args.text("oci");
    const [file, another] = [context.args.text("tar"), container, disk].filter((name) => name !== undefined);
    if (file === undefined || another !== undefined) {
      throw usageError(imageExportCommand, "say one of --tar, --oci and --disk");
    }
    const [job] = await runJobs(context, imagePath(image, "export"), {
      body: given({
        version,
        file: resolve(context.env.cwd, file),
        replace: context.args.flag("force"),
        container: container === undefined ? undefined : true,
        disk: disk === undefined ? undefined : diskOptions(context, disk),
      }),
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
    for (const note of result.notes) {
      context.env.stderr.write(`note: ${note}\n`);
    }
    return 0;
  },
};

function diskOptions(context: CommandContext, file: string) {
  const size = parseByteSize(context.args.text("size") ?? "");
  if (!size.ok) {
    throw usageError(imageExportCommand, "--disk wants --size, such as 20G");
  }
  const firmware = context.args.text("firmware");
  if (firmware !== undefined && firmware !== "bios" && firmware !== "uefi") {
    throw usageError(imageExportCommand, "--firmware is bios or uefi");
  }
  return given({
    format: file.endsWith(".qcow2") ? "qcow2" : "raw",
    bytes: size.value,
    firmware,
    hostname: context.args.text("hostname"),
  });
}
