import { AppError } from "../../../base/errors.ts";
import { formatByteSize } from "../../../base/quantity.ts";
import { type Flavor, FlavorList, FlavorResult } from "../../api/schema/flavor.ts";
import type { Command } from "../command.ts";
import { renderTable, timeText } from "../output.ts";
import { given, printJson, runJobs } from "./started.ts";

export const flavorBuildCommand: Command = {
  name: "flavor build",
  summary: "Build a boot package: install ramdisk with Debian's kernel, or with an image's own",
  synopsis: "[NAME] [--arch ARCH] [--from-image IMAGE[@VERSION] [--kernel RELEASE]]",
  positionals: { min: 0, max: 1 },
  options: {
    arch: { type: "string", value: "ARCH", help: "for machines of this kind: amd64 (default) or arm64" },
    "from-image": { type: "string", value: "IMAGE", help: "take kernel and modules from this image" },
    kernel: { type: "string", value: "RELEASE", help: "which of the image's kernels (default: the newest)" },
  },
  description:
    "NAME is 'standard' unless given ('standard-arm64' for arm64), with --from-image the image's. Packages come through this server's own apt configuration; " +
    "nothing is installed here. An image's own kernel is for hardware that Debian's does not know, or knows too well.",
  examples: [
    "ingot flavor build",
    "ingot flavor build --arch arm64",
    "ingot flavor build kvm --from-image kvm",
  ],
  async run(context) {
    const image = context.args.text("from-image");
    const arch = context.args.text("arch");
    if (arch !== undefined && arch !== "amd64" && arch !== "arm64") {
      throw new AppError("bad-input", `--arch is amd64 or arm64, not '${arch}'`);
    }
    const standard = arch === "arm64" ? "standard-arm64" : "standard";
    const name = context.args.positionals[0] ?? image?.split("@")[0] ?? standard;
    const [job] = await runJobs(context, "/api/flavors", {
      body: { name, ...given({ arch, image, kernelVersion: context.args.text("kernel") }) },
      onInterrupt: "cancel",
    });
    const flavor = FlavorResult.parse(job?.result);
    if (context.args.json) {
      printJson(context, flavor);
    } else {
      context.env.stdout.write(flavorTable([flavor]));
    }
    return 0;
  },
};

export const flavorListCommand: Command = {
  name: "flavor list",
  summary: "List the boot packages",
  synopsis: "",
  positionals: { min: 0, max: 0 },
  options: {},
  async run(context) {
    const list = FlavorList.parse(await context.api().call("GET", "/api/flavors"));
    if (context.args.json) {
      printJson(context, list);
    } else {
      context.env.stdout.write(flavorTable(list.flavors));
    }
    return 0;
  },
};

export const flavorRemoveCommand: Command = {
  name: "flavor remove",
  summary: "Remove a boot package",
  synopsis: "NAME",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    const name = context.args.positionals[0] ?? "";
    await context.api().call("DELETE", `/api/flavors/${encodeURIComponent(name)}`);
    context.env.stdout.write(`${name} removed\n`);
    return 0;
  },
};

function flavorTable(flavors: readonly Flavor[]): string {
  const rows = flavors.map((flavor) => [
    flavor.name,
    flavor.kernelVersion,
    flavor.image ?? "-",
    formatByteSize(flavor.bytes),
    flavor.createdAt === undefined ? "" : timeText(flavor.createdAt),
  ]);
  return renderTable(["FLAVOR", "KERNEL", "IMAGE", "SIZE", "BUILT"], rows, [3]);
}
