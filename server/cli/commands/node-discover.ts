import { type Discovered, DiscoveredList } from "../../api/schema/discovery.ts";
import { NodeList } from "../../api/schema/node.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { renderTable, timeText } from "../output.ts";
import { hardwareLines, hardwareSummary } from "./hardware-text.ts";
import { given, printJson } from "./started.ts";

export const nodeDiscoverCommand: Command = {
  name: "node discover",
  summary: "Show machines that nobody knows and that netboot: their hardware, and which wait to be adopted",
  synopsis: "[MAC]... [--all] [--ignore | --notice | --forget]",
  positionals: { min: 0, max: 4096 },
  options: {
    all: { type: "boolean", short: "a", help: "also those that are adopted or ignored" },
    ignore: { type: "boolean", help: "leave the named machines alone: they are sent to their own disk" },
    notice: { type: "boolean", help: "no longer leave them alone" },
    forget: { type: "boolean", help: "forget them, as if they had never been seen" },
  },
  description:
    "Off unless 'discover: true' stands at an interface in the configuration. Where it is on, an unknown machine that netboots " +
    "there runs the ramdisk, reports its hardware and waits; nothing is written to its disks. With MACs, every part is shown. " +
    "'ingot node adopt' makes nodes of them, and 'ingot deploy' then installs them without another hand on the machine.",
  examples: [
    "ingot node discover",
    "ingot node discover 52:54:00:12:34:56",
    "ingot node adopt --all web[01-16]",
  ],
  async run(context) {
    const macs = context.args.positionals;
    const actions = ["ignore", "notice", "forget"].filter((name) => context.args.flag(name));
    if (actions.length > 1 || (actions.length === 1 && macs.length === 0)) {
      throw usageError(
        nodeDiscoverCommand,
        "--ignore, --notice and --forget want MACs, and one of the three",
      );
    }
    const answer =
      actions.length === 0
        ? await context.api().call("GET", "/api/discovered")
        : await context.api().call("POST", "/api/discovered", { macs, action: actions[0] });
    const list = DiscoveredList.parse(answer);
    const shown = list.machines.filter(
      (machine) =>
        context.args.flag("all") ||
        (macs.length === 0 && (machine.state === "seen" || machine.state === "waiting")) ||
        macs.some((mac) => plain(mac) === plain(machine.mac)),
    );
    if (context.args.json) {
      printJson(context, { ...list, machines: shown });
      return 0;
    }
    if (list.interfaces.length === 0) {
      context.env.stderr.write(
        "Discovery is off: set 'discover: true' at an interface of netboot.interfaces and restart the daemon.\n",
      );
    }
    context.env.stdout.write(
      macs.length > 0 && actions.length === 0 ? shown.map(details).join("\n") : table(shown),
    );
    return 0;
  },
};

export const nodeAdoptCommand: Command = {
  name: "node adopt",
  summary: "Make nodes of discovered machines",
  synopsis: "(MAC | --all) NAMES [--ip ADDRESS] [--group GROUP]...",
  positionals: { min: 1, max: 2 },
  options: {
    all: { type: "boolean", short: "a", help: "every machine that waits, in the order in which they came" },
    ip: {
      type: "string",
      value: "ADDRESS",
      help: "its IPv4 address; without it, one of the interface's pool",
    },
    group: { type: "list", short: "g", value: "GROUP", help: "a group that the node is in" },
  },
  description:
    "With --all, NAMES is a range such as web[01-16], and names that are taken are left out: power the machines of a rack on one " +
    "after the other, and the first gets the first name.",
  examples: [
    "ingot node adopt 52:54:00:12:34:56 web01 --ip 10.0.0.11",
    "ingot node adopt --all web[01-16] -g web",
  ],
  async run(context) {
    const [first = "", second] = context.args.positionals;
    const all = context.args.flag("all");
    if (all !== (second === undefined)) {
      throw usageError(nodeAdoptCommand, "Name one MAC and one name, or --all and names");
    }
    const answer = await context.api().call("POST", "/api/discovered/adopt", {
      names: second ?? first,
      ...given({
        macs: all ? undefined : [first],
        ip: context.args.text("ip"),
        groups: context.args.list("group"),
      }),
    });
    return printAdopted(context, NodeList.parse(answer));
  },
};

function printAdopted(context: CommandContext, list: NodeList): number {
  if (context.args.json) {
    printJson(context, list);
  } else {
    context.env.stdout.write(
      list.nodes.map((node) => `${node.name}: adopted ${node.macs.join(" ")}\n`).join(""),
    );
  }
  return 0;
}

function table(machines: readonly Discovered[]): string {
  const rows = machines.map((machine) => [
    machine.mac,
    machine.node === undefined ? machine.state : `${machine.state} as ${machine.node}`,
    machine.address ?? "-",
    machine.interface,
    timeText(machine.firstSeen),
    machine.hardware === undefined ? (machine.firmware ?? "") : hardwareSummary(machine.hardware),
  ]);
  return renderTable(["MAC", "STATE", "ADDRESS", "INTERFACE", "FIRST SEEN", "HARDWARE"], rows);
}

function details(machine: Discovered): string {
  const lines = [
    `mac      ${machine.mac}`,
    `state    ${machine.node === undefined ? machine.state : `${machine.state} as ${machine.node}`}`,
    `heard    ${timeText(machine.lastSeen)} on ${machine.interface}`,
    ...(machine.address === undefined ? [] : [`address  ${machine.address}`]),
    ...(machine.hostKey === undefined ? [] : [`ssh key  ${machine.hostKey}`]),
    ...(machine.hardware === undefined ? [] : hardwareLines(machine.hardware)),
  ];
  return `${lines.join("\n")}\n`;
}

/** A MAC as its digits: people write it in more than one way. */
function plain(mac: string): string {
  return mac.toLowerCase().replace(/[:.-]/g, "");
}
