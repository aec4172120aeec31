/** Looks at everything that `ingot doctor` judges. Nothing is changed: nothing is armed, taken or written. */
import { X509Certificate } from "node:crypto";
import { access, constants, readFile, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { toAppError } from "../../base/errors.ts";
import { parseIpv4, parseMac } from "../../base/net-types.ts";
import { packageFile } from "../../base/package-file.ts";
import type { Clock, Random } from "../../base/ports.ts";
import { runProcess } from "../../base/process.ts";
import { httpGrubLoader } from "../../netboot/boot-files/grub-image.ts";
import { listFlavors } from "../../netboot/flavor/flavor-folder.ts";
import { NodeList } from "../api/schema/node.ts";
import { Status } from "../api/schema/status.ts";
import type { Config } from "../config/schema.ts";
import { listInterfaces } from "../interfaces.ts";
import { statePaths } from "../state-folder.ts";
import type { ClockFacts, DoctorFacts, FirewallFacts, KnownNode, StateFacts, ToolFacts } from "./facts.ts";
import { findPortHolders } from "./port-holders.ts";
import { wantedPorts } from "./wanted-ports.ts";
import { gatherWire } from "./wire.ts";

export interface GatherOptions {
  readonly config: Config;
  /** Looks at this interface only, configured or not. */
  readonly interfaceName?: string;
  readonly wait: number;
  /** The daemon's API; rejects where no daemon answers. */
  readonly call: (path: string) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const tools: readonly (readonly [program: string, purpose: string])[] = [
  ["tar", "captures, updates and image trees need it"],
  ["zstd", "packs of image content need it"],
  ["openssl", "the server's certificates are made with it"],
  ["ssh-keygen", "the daemon's SSH key is made with it"],
];

export async function gather(options: GatherOptions): Promise<DoctorFacts> {
  const { config, clock } = options;
  const paths = statePaths(config.state);
  const daemon = await askDaemon(options);
  const nodes = daemon.kind === "up" ? await askNodes(options) : undefined;
  const built = await listFlavors(paths.flavors).catch(() => []);
  const flavors = built.map(({ name }) => name);
  const configured = config.netboot.interfaces.map(({ name }) => name);
  const interfaces = await listInterfaces();
  const wires = [];
  for (const name of options.interfaceName === undefined ? configured : [options.interfaceName]) {
    wires.push(
      await gatherWire(name, {
        ...{
          config,
          interfaces,
          nodes,
          clock,
          random: options.random,
          signal: options.signal,
          wait: options.wait,
        },
        daemonIsUp: daemon.kind === "up",
        hasArmFlavor: built.some(({ arch }) => arch === "aarch64"),
        hasHttpGrub: built.some(({ loaders = [] }) => loaders.includes(httpGrubLoader)),
        ...(flavors.includes(config.netboot.flavor) ? { flavor: config.netboot.flavor } : {}),
      }),
    );
  }
  return {
    ...{ daemon, nodes, wires },
    state: await stateFacts(config.state),
    clock: await clockFacts(paths.tls, clock.now()),
    tools: await Promise.all(tools.map(toolFacts)),
    flavors: {
      wanted: config.netboot.flavor,
      present: flavors,
      withoutHttp: built
        .filter(({ arch, loaders = [] }) => arch === "aarch64" && !loaders.includes(httpGrubLoader))
        .map(({ name }) => name),
    },
    ports: await findPortHolders(wantedPorts(config, wires), paths.socket),
    firewall: await firewallFacts(),
  };
}

async function askDaemon(options: GatherOptions): Promise<DoctorFacts["daemon"]> {
  try {
    return { kind: "up", status: Status.parse(await options.call("/api/status")) };
  } catch (error) {
    return { kind: "down", reason: toAppError(error).message };
  }
}

async function askNodes(options: GatherOptions): Promise<readonly KnownNode[]> {
  const { nodes } = NodeList.parse(await options.call("/api/nodes"));
  return nodes.map(({ name, macs, ip }) => {
    const address = ip === undefined ? undefined : parseIpv4(ip);
    return {
      name,
      macs: macs.map(parseMac).flatMap((mac) => (mac.ok ? [mac.value] : [])),
      ...(address?.ok === true ? { ip: address.value } : {}),
    };
  });
}

async function stateFacts(path: string): Promise<StateFacts> {
  try {
    const { bavail, bsize, ffree } = await statfs(path);
    return { path, freeBytes: bavail * bsize, freeInodes: ffree };
  } catch {
    return { path };
  }
}

async function clockFacts(tlsFolder: string, now: number): Promise<ClockFacts> {
  const pem = await readFile(join(tlsFolder, "server.crt"), "latin1").catch(() => undefined);
  const certificate = pem === undefined ? undefined : new X509Certificate(pem);
  const said = await output(["timedatectl", "show", "--property=NTPSynchronized", "--value"]);
  return {
    now,
    builtAt: (await stat(packageFile("package.json"))).mtimeMs,
    ...(certificate === undefined
      ? {}
      : { certificate: { from: Date.parse(certificate.validFrom), to: Date.parse(certificate.validTo) } }),
    ...(said?.trim() === "yes" || said?.trim() === "no" ? { synchronized: said.trim() === "yes" } : {}),
  };
}

async function toolFacts([program, purpose]: readonly [string, string]): Promise<ToolFacts> {
  const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const found = await Promise.all(
    folders.map(async (folder) =>
      access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return { program, purpose, present: found.includes(true) };
}

async function firewallFacts(): Promise<FirewallFacts> {
  const text = await output(["nft", "list", "ruleset"]);
  return text === undefined
    ? { kind: "unknown", reason: "'nft list ruleset' does not work here (not installed, or not root)" }
    : { kind: "rules", text, hasLegacy: await hasLegacyRules() };
}

/** The tables of the old iptables are there once anything has asked for them. */
async function hasLegacyRules(): Promise<boolean> {
  const names = await readFile("/proc/net/ip_tables_names", "latin1").catch(() => "");
  return names.split("\n").includes("filter");
}

/** What a program prints, undefined where it is not there or fails. */
async function output(argv: readonly string[]): Promise<string | undefined> {
  try {
    const { code, stdout } = await runProcess(argv, { limit: 4 * 2 ** 20 });
    return code === 0 ? Buffer.from(stdout).toString("latin1") : undefined;
  } catch {
    return undefined;
  }
}
