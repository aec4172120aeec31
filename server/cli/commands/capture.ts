import { resolve } from "node:path";
import { formatByteSize, parseByteSize } from "../../../base/quantity.ts";
import { CaptureResult, PrepareResult } from "../../api/schema/capture.ts";
import type { Job } from "../../api/schema/job.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext, OptionSpec } from "../command.ts";
import { renderTable, withCommas } from "../output.ts";
import { readTextFile } from "../text-file.ts";
import { renderRules, rulesOption, selectionFields, selectionOptions } from "./filters.ts";
import { given, printJson, runJobs } from "./started.ts";

const remoteOptions: Readonly<Record<string, OptionSpec>> = {
  "ssh-user": {
    type: "string",
    short: "l",
    value: "USER",
    help: "log in as USER (default root; others use sudo)",
  },
  port: { type: "string", short: "p", value: "PORT", help: "SSH port of the host (default 22)" },
};

/** The options of both commands that name a machine, as the API's fields. */
export function remoteFields(context: CommandContext, command: Command): { user?: string; port?: number } {
  const portText = context.args.text("port");
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
    throw usageError(command, `'${portText}' is not a port number`);
  }
  return given({ user: context.args.text("ssh-user"), port }) as { user?: string; port?: number };
}

export const prepareCommand: Command = {
  name: "prepare",
  summary: "Look at a golden client: its disks, layout, and what a capture would take",
  synopsis: "HOST [--ssh-user USER] [--port PORT]",
  positionals: { min: 1, max: 1 },
  options: { ...remoteOptions, rules: rulesOption },
  description:
    "Reads the machine's disks, filesystems, mounts and boot loader over SSH and writes /etc/systemimager/autoinstallscript.conf there, " +
    "with a disk section for whatever disk it has. At first contact the host's SSH key is pinned.",
  examples: ["ingot prepare golden.example.com"],
  async run(context) {
    const [job] = await runJobs(context, "/api/prepare", {
      body: { host: context.args.positionals[0], ...remoteFields(context, prepareCommand) },
      onInterrupt: "cancel",
    });
    const result = PrepareResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
    } else {
      context.env.stdout.write(renderPrepared(result));
      context.env.stdout.write(renderRules(context, result.rules));
    }
    return 0;
  },
};

export const captureCommand: Command = {
  name: "capture",
  summary: "Capture a running machine into an image and commit a version",
  synopsis: "IMAGE HOST [--message TEXT] [--exclude RULE]...",
  positionals: { min: 2, max: 2 },
  options: {
    message: { type: "string", short: "m", value: "TEXT", help: "what this version is, for the history" },
    ...selectionOptions,
    "exclude-from": {
      type: "list",
      value: "FILE",
      help: "read filter rules from FILE, one a line, # comments",
    },
    "one-file-system": { type: "boolean", short: "x", help: "leave out every filesystem but the root's" },
    before: { type: "string", value: "CMD", help: "run CMD on the host first; where it fails, stop" },
    after: {
      type: "string",
      value: "CMD",
      help: "run CMD on the host afterwards, also when the capture failed",
    },
    checksum: { type: "boolean", short: "c", help: "compare all content, whatever times say" },
    nice: { type: "boolean", help: "lowest CPU and I/O priority on the host" },
    limit: { type: "string", value: "RATE", help: "at most RATE bytes a second of content, such as 10M" },
    ...remoteOptions,
  },
  description:
    "The machine's tree comes over SSH into the image's folder, with everything that 'rsync -aHAX --numeric-ids' would keep, and is " +
    "committed as the image's next version. A second capture moves only what changed. Pseudo, network and removable filesystems, " +
    "lost+found and the default exclude list stay out.",
  examples: ["ingot capture web golden.example.com -m 'nginx 1.24'"],
  async run(context) {
    const [image, host] = context.args.positionals;
    const [job] = await runJobs(context, "/api/capture", {
      body: {
        image,
        host,
        ...remoteFields(context, captureCommand),
        ...given({
          message: context.args.text("message"),
          oneFileSystem: context.args.flag("one-file-system"),
          before: context.args.text("before"),
          after: context.args.text("after"),
          checksum: context.args.flag("checksum"),
          nice: context.args.flag("nice"),
          limit: rateOf(context),
          ...selectionFields(context),
          exclude: [...context.args.list("exclude"), ...rulesFromFiles(context)],
        }),
      },
      onInterrupt: "cancel",
    });
    const result = CaptureResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, result);
    } else {
      context.env.stdout.write(renderCaptured(result, job));
    }
    return 0;
  },
};

function rateOf(context: CommandContext): number | undefined {
  const text = context.args.text("limit");
  const rate = text === undefined ? undefined : parseByteSize(text.replace(/\/s$/, ""));
  if (rate !== undefined && (!rate.ok || rate.value < 1024)) {
    throw usageError(captureCommand, `--limit '${text}' is not a rate of at least 1K (such as 500K, 10M)`);
  }
  return rate?.value;
}

/** The rules of every --exclude-from file, without comments and blank lines. */
function rulesFromFiles(context: CommandContext): readonly string[] {
  return context.args
    .list("exclude-from")
    .flatMap((path) => readTextFile(resolve(context.env.cwd, path)).split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith(";"));
}

function renderPrepared(result: PrepareResult): string {
  const disks = result.disks.map((disk) => [
    disk.device,
    formatByteSize(disk.size),
    disk.label ?? "none",
    String(disk.partitions),
    disk.model ?? "",
  ]);
  const mounts = result.mounts.map((mount) => [
    mount.mountPoint,
    mount.source,
    mount.type,
    mount.used === undefined ? "" : formatByteSize(mount.used),
    mount.captured ? "yes" : `no: ${mount.kind}`,
  ]);
  return [
    `${result.hostname} (${result.host}): ${result.os}, kernel ${result.kernel}, ${result.machine}, ${result.firmware}, ${result.bootLoader}`,
    "",
    renderTable(["DISK", "SIZE", "LABEL", "PARTITIONS", "MODEL"], disks, [1, 3]),
    renderTable(["MOUNT POINT", "SOURCE", "TYPE", "USED", "CAPTURED"], mounts, [3]),
    "/etc/systemimager/autoinstallscript.conf:",
    "",
    ...result.layout
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
    "",
    ...result.notes.map((note) => `Note: ${note}`),
    `Next: ingot capture IMAGE ${result.host}`,
    "",
  ].join("\n");
}

function renderCaptured(result: CaptureResult, job: Job | undefined): string {
  const seconds =
    job?.endedAt !== undefined && job.startedAt !== undefined ? (job.endedAt - job.startedAt) / 1000 : 0;
  const sent =
    result.sentFiles === undefined
      ? ""
      : `, ${withCommas(result.sentFiles)} entries (${formatByteSize(result.sentBytes ?? 0)}) moved`;
  return [
    `${result.image}@${result.version}: ${withCommas(result.files)} entries, ${formatByteSize(result.bytes)}${sent}, ${seconds.toFixed(1)} s`,
    ...result.notes.map((note) => `Note: ${note}`),
    "",
  ].join("\n");
}
