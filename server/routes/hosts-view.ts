/** Nodes and installs as the API shows them. */
import type { MacAddress } from "../../base/net-types.ts";
import { formatVersion } from "../../images/manifest.ts";
import type { Node, NodeInstall } from "../api/schema/node.ts";
import { decideBoot } from "../boot-policy.ts";
import type { Host } from "../hosts/host.ts";
import type { Install } from "../installs/install.ts";
import type { Rescue } from "../rescues/rescue.ts";
import type { Services } from "../services.ts";

export function nodeView(services: Services, host: Host): Node {
  const install = services.installs.latest(host.name);
  const rescue = services.rescues.get(host.name);
  const decision =
    host.macs.length === 0 && host.uuid === undefined
      ? {
          kind: "ignore" as const,
          reason: `${host.name} has neither MAC address nor UUID, so it cannot be recognised`,
        }
      : decideBoot(
          {
            host,
            install,
            rescue,
            now: services.clock.now(),
            flavorArch: (name) => services.flavors.get(name)?.arch,
          },
          // Only what it boots is wanted here, not the kernel's command line.
          { nodeUrl: "", pin: "", mac: host.macs[0] ?? ("00:00:00:00:00:00" as MacAddress) },
        );
  return {
    name: host.name,
    macs: [...host.macs],
    groups: [...host.groups],
    ...(host.uuid === undefined ? {} : { uuid: host.uuid }),
    boot: { kind: decision.kind, reason: decision.reason },
    ...(host.ip === undefined ? {} : { ip: host.ip }),
    ...(host.image === undefined ? {} : { image: formatVersion(host.image) }),
    ...(host.kernelArguments === undefined ? {} : { kernelArguments: host.kernelArguments }),
    ...(host.localBoot === undefined ? {} : { localBoot: host.localBoot }),
    ...(rescue === undefined ? {} : { rescue: rescueView(rescue, services.clock.now()) }),
    ...(host.seen === undefined ? {} : { seen: host.seen }),
    ...(install === undefined ? {} : { install: installView(install) }),
  };
}

function rescueView({ up, expiresAt }: Rescue, now: number): NonNullable<Node["rescue"]> {
  if (up === undefined) {
    return { state: now < expiresAt ? "armed" : "expired", expiresAt };
  }
  const { at, ...rest } = up;
  return { state: "up", expiresAt, upAt: at, ...rest };
}

/** What the node's machine said of its hardware when it was discovered or rescued. */
export function hardwareView(services: Services, host: Host): Pick<Node, "hardware"> {
  const hardware = host.macs
    .map((mac) => services.strangers.get(mac)?.hardware)
    .find((one) => one !== undefined);
  return hardware === undefined ? {} : { hardware };
}

export function installView(install: Install): NodeInstall {
  const { endedAt, job, message, percent, phase } = install;
  return {
    state: install.stage,
    image: install.version.image,
    version: install.version.number,
    flavor: install.flavor,
    armedAt: install.armedAt,
    expiresAt: install.expiresAt,
    ...(job === undefined ? {} : { job }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(phase === undefined ? {} : { phase }),
    ...(percent === undefined ? {} : { percent }),
    ...(message === undefined ? {} : { message }),
  };
}
