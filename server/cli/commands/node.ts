import { Node, NodeList, type Node as NodeValue } from "../../api/schema/node.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { renderTable, timeText } from "../output.ts";
import { hardwareLines } from "./hardware-text.ts";
import { given, printJson } from "./started.ts";

/** In place of a value: takes away what is known. */
const none = "none";

const nodeOptions = {
  mac: { type: "list", value: "MAC", help: "an Ethernet address of the node" },
  uuid: {
    type: "string",
    value: "UUID",
    help: "its mainboard's, as 'dmidecode -s system-uuid' shows: it is then known by any of its cards",
  },
  ip: {
    type: "string",
    value: "ADDRESS",
    help: "its IPv4 address; without it, one of the interface's subnet is chosen",
  },
  group: { type: "list", short: "g", value: "GROUP", help: "a group that the node is in" },
  append: {
    type: "string",
    value: "WORDS",
    help: "kernel arguments for the installer, such as console=ttyS0,115200",
  },
} as const;

export const nodeAddCommand: Command = {
  name: "node add",
  summary: "Make a machine known: only known machines are answered on the network",
  synopsis: "NAME (--mac MAC | --uuid UUID) [--ip ADDRESS] [--group GROUP]...",
  positionals: { min: 1, max: 1 },
  options: nodeOptions,
  examples: ["ingot node add web01 --mac 52:54:00:12:34:56 --ip 10.0.0.11 --group web"],
  async run(context) {
    const node = {
      name: context.args.positionals[0],
      ...given({
        macs: context.args.list("mac"),
        uuid: context.args.text("uuid"),
        ip: context.args.text("ip"),
        groups: context.args.list("group"),
        kernelArguments: context.args.text("append"),
      }),
    };
    return printNodes(context, await context.api().call("POST", "/api/nodes", { nodes: [node] }));
  },
};

export const nodeSetCommand: Command = {
  name: "node set",
  summary: "Change what is known of nodes",
  synopsis:
    "NODES [--mac MAC|none]... [--uuid UUID|none] [--ip ADDRESS|none] [--group GROUP]... [--image IMAGE] [--append WORDS] [--local-boot HOW]",
  positionals: { min: 1, max: 1 },
  options: {
    ...nodeOptions,
    mac: {
      ...nodeOptions.mac,
      help: `${nodeOptions.mac.help}, in place of those it has; 'none' takes them away`,
    },
    uuid: { ...nodeOptions.uuid, help: `${nodeOptions.uuid.help}; 'none' takes it away` },
    ip: { ...nodeOptions.ip, help: `${nodeOptions.ip.help}; 'none' takes it away` },
    image: { type: "string", value: "IMAGE", help: "the version the node is said to have, such as web@3" },
    "local-boot": {
      type: "string",
      value: "HOW",
      help: "how it comes from the network to its disk: auto, exit (to the firmware), disk (BIOS: its first disk), grub",
    },
  },
  examples: ["ingot node set web01 --mac 52:54:00:12:34:57", "ingot node set web01 --uuid none"],
  async run(context) {
    const macs = context.args.list("mac");
    if (macs.length > 1 && macs.includes(none)) {
      throw usageError(
        nodeSetCommand,
        "--mac none stands alone: MACs that are named take the place of all others",
      );
    }
    const set = {
      ...given({
        groups: context.args.list("group"),
        image: context.args.text("image"),
        kernelArguments: context.args.text("append"),
        localBoot: context.args.text("local-boot"),
      }),
      ...(macs.length === 0 ? {} : { macs: macs.includes(none) ? [] : macs }),
      ...clearable("uuid", context.args.text("uuid")),
      ...clearable("ip", context.args.text("ip")),
    };
    if (Object.keys(set).length === 0) {
      throw usageError(nodeSetCommand, "Nothing to change is named");
    }
    return printNodes(
      context,
      await context.api().call("PATCH", "/api/nodes", { nodes: context.args.positionals[0], set }),
    );
  },
};

/** The API clears what is null. */
function clearable(key: "uuid" | "ip", text: string | undefined): Readonly<Record<string, string | null>> {
  return text === undefined ? {} : { [key]: text === none ? null : text };
}

export const nodeListCommand: Command = {
  name: "node list",
  summary: "List nodes: address, image, and what they would boot now",
  synopsis: "[NODES]",
  positionals: { min: 0, max: 1 },
  options: {},
  async run(context) {
    const query =
      context.args.positionals[0] === undefined
        ? ""
        : `?select=${encodeURIComponent(context.args.positionals[0])}`;
    return printNodes(context, await context.api().call("GET", `/api/nodes${query}`));
  },
};

export const nodeShowCommand: Command = {
  name: "node show",
  summary: "Show one node: its last install with phase, message and, with --log, its log",
  synopsis: "NODE [--log]",
  positionals: { min: 1, max: 1 },
  options: { log: { type: "boolean", help: "print the log of the node's last install" } },
  async run(context) {
    const path = `/api/nodes/${encodeURIComponent(context.args.positionals[0] ?? "")}`;
    if (context.args.flag("log")) {
      context.env.stdout.write(await context.api().text(`${path}/log`));
      return 0;
    }
    const node = Node.parse(await context.api().call("GET", path));
    if (context.args.json) {
      printJson(context, node);
    } else {
      context.env.stdout.write(renderNode(node));
    }
    return 0;
  },
};

export const nodeRemoveCommand: Command = {
  name: "node remove",
  summary: "Forget nodes: they are no longer answered on the network",
  synopsis: "NODES",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    const select = encodeURIComponent(context.args.positionals[0] ?? "");
    return printNodes(context, await context.api().call("DELETE", `/api/nodes?select=${select}`));
  },
};

export const localbootCommand: Command = {
  name: "localboot",
  summary: "Let nodes boot from their disk next time: disarms an install that has not begun",
  synopsis: "NODES",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    return printNodes(
      context,
      await context.api().call("POST", "/api/localboot", { nodes: context.args.positionals[0] }),
    );
  },
};

function printNodes(context: CommandContext, answer: unknown): number {
  const list = NodeList.parse(answer);
  if (context.args.json) {
    printJson(context, list);
    return 0;
  }
  const rows = list.nodes.map((node) => [
    node.name,
    node.ip ?? "-",
    node.macs.join(" "),
    node.groups.join(","),
    node.image ?? "-",
    `${node.boot.kind}: ${node.boot.reason}`,
  ]);
  context.env.stdout.write(renderTable(["NODE", "ADDRESS", "MAC", "GROUPS", "IMAGE", "NEXT BOOT"], rows));
  return 0;
}

function rescueText(rescue: NonNullable<NodeValue["rescue"]>): string {
  if (rescue.state !== "up") {
    return rescue.state === "armed"
      ? "armed: boot the node from the network"
      : "the machine did not come in time";
  }
  const where = rescue.address === undefined ? "" : `: ssh root@${rescue.address}`;
  return `up since ${timeText(rescue.upAt ?? 0)}${where}${rescue.hostKey === undefined ? "" : `, host key ${rescue.hostKey}`}`;
}

function renderNode(node: NodeValue): string {
  const lines = [
    `node     ${node.name}`,
    `address  ${node.ip ?? "-"}`,
    `mac      ${node.macs.join(" ")}`,
    ...(node.uuid === undefined ? [] : [`uuid     ${node.uuid}`]),
    `groups   ${node.groups.join(", ")}`,
    `image    ${node.image ?? "-"}`,
    `boots    ${node.boot.kind}: ${node.boot.reason}`,
  ];
  if (node.seen !== undefined) {
    lines.push(
      `seen     ${timeText(node.seen.at)} ${node.seen.firmware ?? ""} ${node.seen.address ?? ""}`.trimEnd(),
    );
  }
  if (node.localBoot !== undefined) {
    lines.push(`to disk  ${node.localBoot}`);
  }
  if (node.rescue !== undefined) {
    lines.push(`rescue   ${rescueText(node.rescue)}`);
  }
  if (node.hardware !== undefined) {
    lines.push(...hardwareLines(node.hardware));
  }
  if (node.install !== undefined) {
    const at =
      node.install.phase === undefined ? "" : `, ${node.install.phase} ${node.install.percent ?? 0}%`;
    lines.push(`install  ${node.install.state}: ${node.install.image}@${node.install.version}${at}`);
    if (node.install.message !== undefined) {
      lines.push(`         ${node.install.message}`);
    }
    if (node.install.state === "failed") {
      lines.push(`         'ingot node show ${node.name} --log' prints its log`);
    }
  }
  return `${lines.join("\n")}\n`;
}
