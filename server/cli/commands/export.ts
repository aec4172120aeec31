import { hostname } from "node:os";
import { resolve } from "node:path";
import { AppError } from "../../../base/errors.ts";
import { parseIpv4, parseMac } from "../../../base/net-types.ts";
import { FlavorList } from "../../api/schema/flavor.ts";
import { NodeList } from "../../api/schema/node.ts";
import { loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { readFolder, writeFiles } from "../../exports/output-folder.ts";
import { type ExportFormat, exportFormats, renderExport } from "../../exports/render.ts";
import type { ExportFile, ExportNetwork, ExportNode } from "../../exports/site.ts";
import { findInterface, type Interfaces, listInterfaces } from "../../interfaces.ts";
import { loadersOf } from "../../netboot/dhcp-settings.ts";
import { statePaths } from "../../state-folder.ts";
import { apiClient } from "../api-client.ts";
import { usageError } from "../arguments.ts";
import type { Command, CommandContext } from "../command.ts";
import { printJson } from "./started.ts";

export const exportCommand: Command = {
  name: "export",
  summary: "Write the inventory as configuration of other servers: DHCP, DNS, PXELINUX, GRUB, hosts, Ansible",
  synopsis: "FORMAT [--output DIR] [--domain DOMAIN] [--name-server NAME] [--config FILE]",
  positionals: { min: 1, max: 1 },
  options: {
    output: {
      type: "string",
      short: "o",
      value: "DIR",
      help: "write files into this folder, only those that change (default: standard output, for one file)",
    },
    domain: {
      type: "string",
      value: "DOMAIN",
      help: "the domain of node names without one (default: the first interface's)",
    },
    "name-server": {
      type: "string",
      value: "NAME",
      help: "bind: the name server's name (default: this machine's)",
    },
    config: {
      type: "string",
      short: "c",
      value: "FILE",
      help: "the daemon's configuration (default /etc/ingot/ingot.yaml, which may be missing)",
    },
  },
  description:
    "FORMAT is dhcpd (ISC dhcpd), kea, dnsmasq, pxelinux, grub, hosts, bind or ansible. The DHCP servers' files answer known machines only, and " +
    "send their firmware to this Ingot server, also where an interface's mode is 'off'. The trees for PXELINUX and GRUB send known " +
    "machines to Ingot's TFTP for what they boot, all others to their disk. The serial of a BIND zone rises only when the zone changes, so " +
    "write to the same folder each time.",
  examples: [
    "ingot export dhcpd > /etc/dhcp/dhcpd.conf",
    "ingot export bind --output /etc/bind/ingot --domain lab.example --name-server ns1",
  ],
  async run(context) {
    const { args } = context;
    const format = exportFormats.find((candidate) => candidate === args.positionals[0]);
    if (format === undefined) {
      throw usageError(exportCommand, `FORMAT is one of ${exportFormats.join(", ")}`);
    }
    const output = args.text("output");
    const files = await render(format, context);
    if (output === undefined) {
      return print(files, context);
    }
    const changed = await writeFiles(resolve(context.env.cwd, output), files);
    if (args.json) {
      printJson(context, { files: files.map(({ name }) => ({ name, changed: changed.includes(name) })) });
    } else {
      context.env.stdout.write(`${files.length} files, ${changed.length} changed\n`);
    }
    return 0;
  },
};

async function render(format: ExportFormat, context: CommandContext): Promise<readonly ExportFile[]> {
  const { args, env } = context;
  const file = args.text("config");
  const state = args.text("state") ?? env.variables.INGOT_STATE;
  const config = await loadConfig({
    ...(file === undefined ? {} : { file }),
    ...(state === undefined ? {} : { state }),
  });
  const api = apiClient(statePaths(config.state).socket);
  const answer = await api.call("GET", "/api/nodes");
  const { flavors } = FlavorList.parse(await api.call("GET", "/api/flavors"));
  const flavorLoaders = flavors.flatMap(({ loaders = [] }) => loaders);
  const domain =
    args.text("domain") ?? config.netboot.interfaces.find((place) => place.domain !== undefined)?.domain;
  const interfaces = await listInterfaces();
  const networks = config.netboot.interfaces.flatMap((place) =>
    networksOf(config, { place, interfaces, flavorLoaders }),
  );
  const output = args.text("output");
  const server = networks[0]?.server;
  const rendered = renderExport(
    format,
    { nodes: exportNodes(answer), networks, ...(domain === undefined ? {} : { domain }) },
    {
      bind: {
        nameServer: args.text("name-server") ?? hostname().split(".")[0] ?? "ns",
        ...(server === undefined ? {} : { nameServerAddress: server }),
        previous: output === undefined ? new Map() : await readFolder(resolve(env.cwd, output)),
        today: new Date(env.clock.now()).toISOString().slice(0, 10).replaceAll("-", ""),
      },
    },
  );
  if (!rendered.ok) {
    throw new AppError("bad-input", `Cannot export ${format}: ${rendered.error}`);
  }
  return rendered.value;
}

function exportNodes(answer: unknown): readonly ExportNode[] {
  return NodeList.parse(answer).nodes.map((node) => {
    const ip = node.ip === undefined ? undefined : parseIpv4(node.ip);
    return {
      ...{ name: node.name, groups: node.groups },
      macs: node.macs.map(parseMac).flatMap((mac) => (mac.ok ? [mac.value] : [])),
      ...(node.uuid === undefined ? {} : { uuid: node.uuid }),
      ...(ip?.ok === true ? { ip: ip.value } : {}),
    };
  });
}

/** An interface's own network and those behind relays. */
function networksOf(
  config: Config,
  at: {
    readonly place: Config["netboot"]["interfaces"][number];
    readonly interfaces: Interfaces;
    readonly flavorLoaders: readonly string[];
  },
): readonly ExportNetwork[] {
  const { place } = at;
  const { address, subnet } = findInterface(place, at.interfaces);
  const all = [{ ...place, subnet }, ...place.relayed];
  return all.map(({ router, dns, domain, leaseTime, options, pool, subnet: network }) => ({
    interfaceName: place.name,
    subnet: network,
    dns: dns ?? place.dns,
    leaseSeconds: Math.round((leaseTime ?? place.leaseTime) / 1000),
    options: options ?? place.options,
    loaders: loadersOf(place),
    flavorLoaders: at.flavorLoaders,
    server: address,
    httpBase: `http://${address}:${config.netboot.bootPort}`,
    ...(router === undefined ? {} : { router }),
    ...((domain ?? place.domain) === undefined ? {} : { domain: domain ?? place.domain ?? "" }),
    ...(pool === undefined ? {} : { pool }),
  }));
}

function print(files: readonly ExportFile[], context: CommandContext): number {
  const [only] = files;
  if (context.args.json) {
    printJson(context, { files });
    return 0;
  }
  if (only === undefined || files.length > 1) {
    throw usageError(exportCommand, `This format makes ${files.length} files: say --output DIR`);
  }
  context.env.stdout.write(only.text);
  return 0;
}
