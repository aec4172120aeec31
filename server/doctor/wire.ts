/** Looks at one interface: its state, who answers DHCP on its wire, and what can be fetched from its address. */
import { readFile } from "node:fs/promises";
import { toAppError } from "../../base/errors.ts";
import { cidrContains, macFromBytes, macToBytes, parseMac } from "../../base/net-types.ts";
import type { Clock, Random } from "../../base/ports.ts";
import { httpGrubLoader } from "../../netboot/boot-files/grub-image.ts";
import { nodeDatagramSockets } from "../../netboot/node-udp.ts";
import { probeDhcp } from "../../netboot/probe/dhcp-probe.ts";
import type { AskerKind } from "../../netboot/probe/dhcp-question.ts";
import type { Config, InterfaceConfig } from "../config/schema.ts";
import type { Interfaces } from "../interfaces.ts";
import { listInterfaces } from "../interfaces.ts";
import { loadersOf } from "../netboot/dhcp-settings.ts";
import type { KnownNode, WireFacts } from "./facts.ts";
import { fetchBootFiles } from "./fetch-boot-files.ts";

export interface WireOptions {
  readonly config: Config;
  readonly interfaces: Interfaces;
  readonly nodes: readonly KnownNode[] | undefined;
  readonly daemonIsUp: boolean;
  /** Without one, nothing brings a loader for arm64, and none is missed. */
  readonly hasArmFlavor: boolean;
  /** Whether a flavor brought a loader for ARM servers that boot by HTTP. */
  readonly hasHttpGrub: boolean;
  /** The flavor whose files are fetched. */
  readonly flavor?: string;
  readonly wait: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const kinds: readonly AskerKind[] = ["plain", "bios", "uefi", "http"];

export async function gatherWire(name: string, options: WireOptions): Promise<WireFacts> {
  const { netboot } = options.config;
  const config = netboot.interfaces.find((candidate) => candidate.name === name);
  const addresses = (await listInterfaces()).get(name) ?? [];
  const own =
    config?.address === undefined
      ? addresses[0]
      : addresses.find(({ address }) => address === config.address);
  const state = await readClass(name, "operstate");
  const hardware = parseMac((await readClass(name, "address")) ?? "");
  const stranger = hardware.ok ? strangerTo(hardware.value) : undefined;
  const node = options.nodes?.find(
    ({ macs, ip }) =>
      macs.length > 0 && own !== undefined && (ip === undefined || cidrContains(own.subnet, ip)),
  );
  const wire = {
    name,
    addresses,
    ...(state === undefined ? {} : { up: state !== "down" && state !== "lowerlayerdown" }),
    ...(own === undefined ? {} : { own: own.address }),
    ...(config === undefined ? {} : { config }),
    askedAs: { ...(node === undefined ? {} : { node }), ...(stranger === undefined ? {} : { stranger }) },
  };
  const fetched =
    options.daemonIsUp && own !== undefined && config !== undefined && stranger !== undefined
      ? await fetchBootFiles({
          ...{ address: own.address, bootPort: netboot.bootPort, tftp: netboot.tftp, mac: stranger },
          loaders: expectedLoaders(config, options.hasArmFlavor),
          httpLoaders: options.hasHttpGrub ? [httpGrubLoader] : [],
          ...(options.flavor === undefined ? {} : { flavor: options.flavor }),
          now: () => options.clock.now(),
          signal: options.signal,
        })
      : [];
  return { ...wire, fetched, dhcp: await askWire(wire, options) };
}

function expectedLoaders(config: InterfaceConfig, hasArmFlavor: boolean): readonly string[] {
  const { "uefi-arm64": arm, ...others } = loadersOf(config);
  const all =
    hasArmFlavor || config.loaders["uefi-arm64"] !== undefined
      ? [...Object.values(others), arm]
      : Object.values(others);
  return all.filter((loader) => loader !== undefined);
}

async function askWire(
  wire: Omit<WireFacts, "dhcp" | "fetched">,
  options: WireOptions,
): Promise<WireFacts["dhcp"]> {
  const { node, stranger } = wire.askedAs;
  const macs = [stranger, node?.macs[0]].filter((mac) => mac !== undefined);
  const asked: readonly AskerKind[] = options.hasArmFlavor ? [...kinds, "arm64", "http-arm64"] : kinds;
  if (wire.own === undefined || macs.length === 0) {
    return { kind: "not-asked", reason: "it has no address of its own to ask from" };
  }
  try {
    const answers = await probeDhcp({
      address: wire.own,
      askers: macs.flatMap((mac) => asked.map((kind) => ({ kind, mac }))),
      wait: options.wait,
      bootServer: wire.config?.mode === "proxy",
      sockets: nodeDatagramSockets,
      clock: options.clock,
      random: options.random,
      signal: options.signal,
    });
    return { kind: "asked", answers, waited: options.wait };
  } catch (error) {
    const { message, code } = toAppError(error);
    if (code === "cancelled") {
      throw error;
    }
    return { kind: "not-asked", reason: message };
  }
}

/**
 * A MAC that no card has (locally administered), always the same for one interface, so that a site's server does not fill its
 * pool with the doctor's visits.
 */
function strangerTo(mac: ReturnType<typeof macFromBytes>): ReturnType<typeof macFromBytes> {
  const bytes = macToBytes(mac);
  return macFromBytes(bytes.map((byte, index) => (index === 0 ? 0x06 : index === 5 ? byte ^ 0x5a : byte)));
}

async function readClass(name: string, file: string): Promise<string | undefined> {
  const safe = /^[^/\0]{1,15}$/.test(name) && name !== "." && name !== "..";
  const text = safe
    ? await readFile(`/sys/class/net/${name}/${file}`, "latin1").catch(() => undefined)
    : undefined;
  return text?.trim();
}
