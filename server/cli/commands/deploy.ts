import { FlavorList } from "../../api/schema/flavor.ts";
import { DeployResult, NodeList } from "../../api/schema/node.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { followJobs, throwIfFailed } from "../follow.ts";
import { given, printJson, runJobs, startJobs } from "./started.ts";

export const deployCommand: Command = {
  name: "deploy",
  summary: "Arm nodes: at their next network boot they are installed from an image, once",
  synopsis: "NODES (--image IMAGE[@VERSION] [--disk DISK...] [--wipe] [--wait] | --rescue)",
  positionals: { min: 1, max: 1 },
  options: {
    image: {
      type: "string",
      short: "i",
      value: "IMAGE",
      help: "what to install: web (newest version) or web@3",
    },
    flavor: {
      type: "string",
      value: "NAME",
      help: "boot package to install with (default standard); the image's own name makes one of its kernel",
    },
    disk: {
      type: "list",
      value: "DISK",
      help: "install onto this disk, in the layout's order: /dev/sdb, serial=…, wwn=…, path=…, id=…, transport=nvme, size=400G-600G",
    },
    wipe: { type: "boolean", help: "install over data on the disks that is not Ingot's" },
    append: { type: "string", value: "WORDS", help: "kernel arguments for the installer" },
    minutes: { type: "string", value: "N", help: "how long the arming waits for the machine (default 30)" },
    rescue: {
      type: "boolean",
      help: "boot the ramdisk with a shell over SSH instead, once, and leave the disks alone",
    },
    wait: { type: "boolean", short: "w", help: "follow the installs to their end; fail if one fails" },
  },
  description:
    "DHCP, TFTP and boot files are ready for exactly these nodes when the command returns. Power them on and let them boot from the " +
    "network. An install that reports success disarms its node, which then boots from its own disk. " +
    'A disk that holds something, and that Ingot did not partition, is left as it is and the install fails, unless --wipe is given or the layout\'s <disk> says wipe="yes".',
  examples: ["ingot deploy web[01-16] --image web --wait", "ingot deploy web03 --rescue"],
  async run(context) {
    const image = context.args.text("image");
    const rescue = context.args.flag("rescue");
    if ((image === undefined) !== rescue) {
      throw usageError(deployCommand, rescue ? "--rescue wants no --image" : "--image is missing");
    }
    const minutes = context.args.text("minutes");
    if (minutes !== undefined && !(Number(minutes) > 0)) {
      throw usageError(deployCommand, `'${minutes}' is not a number of minutes`);
    }
    if (image === undefined) {
      return await armRescue(context, minutes);
    }
    await ensureFlavor(context, image);
    const jobs = await startJobs(context, "/api/deploy", {
      nodes: context.args.positionals[0],
      image,
      ...given({
        flavor: context.args.text("flavor"),
        kernelArguments: context.args.text("append"),
        disks: context.args.list("disk").length === 0 ? undefined : context.args.list("disk"),
        wipe: context.args.flag("wipe") ? true : undefined,
        armMinutes: minutes === undefined ? undefined : Number(minutes),
      }),
    });
    if (!context.args.flag("wait")) {
      if (context.args.json) {
        printJson(context, { jobs });
      } else {
        const names = jobs.map((job) => job.node).join(", ");
        context.env.stdout.write(`Armed: ${names}. Boot them from the network; 'ingot watch' follows.\n`);
      }
      return 0;
    }
    if (!context.args.quiet) {
      context.env.stderr.write(
        "Armed. Boot the machines from the network now; Ctrl-C stops watching, not the install.\n",
      );
    }
    const ended = await followJobs(context, jobs, { onInterrupt: "detach" });
    if (context.args.json) {
      printJson(context, { jobs: ended });
    }
    throwIfFailed(ended);
    if (!context.args.json) {
      context.env.stdout.write(ended.map((job) => installedLine(DeployResult.parse(job.result))).join(""));
    }
    return 0;
  },
};

/** A flavor that is not there and has the image's name is made of the image's own kernel. */
async function ensureFlavor(context: CommandContext, image: string): Promise<void> {
  const flavor = context.args.text("flavor");
  if (flavor === undefined || flavor !== image.split("@")[0]) {
    return;
  }
  const { flavors } = FlavorList.parse(await context.api().call("GET", "/api/flavors"));
  if (flavors.some(({ name }) => name === flavor)) {
    return;
  }
  if (!context.args.quiet) {
    context.env.stderr.write(`Flavor ${flavor} is not there: building it with the kernel of ${image}.\n`);
  }
  await runJobs(context, "/api/flavors", { body: { name: flavor, image }, onInterrupt: "cancel" });
}

async function armRescue(context: CommandContext, minutes: string | undefined): Promise<number> {
  const answer = await context.api().call("POST", "/api/rescue", {
    nodes: context.args.positionals[0],
    ...given({
      flavor: context.args.text("flavor"),
      kernelArguments: context.args.text("append"),
      minutes: minutes === undefined ? undefined : Number(minutes),
    }),
  });
  const { nodes } = NodeList.parse(answer);
  if (context.args.json) {
    printJson(context, { nodes });
  } else {
    const names = nodes.map((node) => node.name).join(", ");
    context.env.stdout.write(
      `Rescue: ${names}. Boot them from the network; 'ingot node show' tells where the shell is.\n`,
    );
  }
  return 0;
}

function installedLine(result: DeployResult): string {
  return `${result.node}: installed ${result.image}@${result.version}\n`;
}
