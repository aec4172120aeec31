/** Nodes and installs as the API shows them. */
import { formatVersion } from "../../images/manifest.ts";
import type { Node, NodeInstall } from "../api/schema.ts";
import { decideBoot } from "../boot-policy.ts";
import type { Host } from "../hosts/host.ts";
import type { Install } from "../installs/install.ts";
import type { Services } from "../services.ts";

export function nodeView(services: Services, host: Host): Node {
  const install = services.installs.latest(host.name);
  const mac = host.macs[0];
  const decision =
    mac === undefined
      ? { kind: "ignore" as const, reason: `${host.name} has no MAC address, so it cannot be recognised` }
      : decideBoot(
          {
            host,
            install,
            now: services.clock.now(),
            hasFlavor: (name) => services.flavors.has(name),
          },
          { nodeUrl: "", pin: "", mac },
        );
  return {
    name: host.name,
    macs: [...host.macs],
    groups: [...host.groups],
    boot: { kind: decision.kind === "boot" ? "install" : decision.kind, reason: decision.reason },
    ...(host.ip === undefined ? {} : { ip: host.ip }),
    ...(host.image === undefined ? {} : { image: formatVersion(host.image) }),
    ...(host.kernelArguments === undefined ? {} : { kernelArguments: host.kernelArguments }),
    ...(host.seen === undefined ? {} : { seen: host.seen }),
    ...(install === undefined ? {} : { install: installView(install) }),
  };
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
