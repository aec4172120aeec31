/** What a machine boots: a pure decision over what is known of it. Nothing but an armed node is ever given an installer. */
import { kernelParameters } from "../autoinstall/install/protocol.ts";
import type { MacAddress } from "../base/net-types.ts";
import { formatVersion } from "../images/manifest.ts";
import type { BootDecision } from "../netboot/booter.ts";
import type { Host } from "./hosts/host.ts";
import type { Install } from "./installs/install.ts";

export interface BootFacts {
  /** The node whose MAC asks; undefined for a machine that nobody knows. */
  readonly host: Host | undefined;
  /** Its newest install. */
  readonly install: Install | undefined;
  readonly now: number;
  /** Whether the install's flavor is there. */
  readonly hasFlavor: (name: string) => boolean;
}

/** Where the node finds its server, on the interface where it asks. */
export interface InstallService {
  /** `https://10.0.0.1:8443`. */
  readonly nodeUrl: string;
  readonly pin: string;
  readonly mac: MacAddress;
  /** The token for this fetch of the boot script; absent while DHCP only asks whether there is something to boot. */
  readonly token?: string;
}

/** Path of a flavor's kernel and ramdisk on the boot service. */
export function flavorPath(flavor: string, file: "kernel" | "initrd.img"): string {
  return `/boot/flavors/${encodeURIComponent(flavor)}/${file}`;
}

export function decideBoot(facts: BootFacts, service: InstallService): BootDecision {
  const { host, install } = facts;
  if (host === undefined) {
    return { kind: "ignore", reason: "this machine is not known" };
  }
  if (install === undefined) {
    return { kind: "local-disk", reason: `${host.name} is not armed for an install` };
  }
  if (install.stage === "installing") {
    return {
      kind: "local-disk",
      reason: `${host.name} has used its arming for ${formatVersion(install.version)}; deploy it again for another install`,
    };
  }
  if (install.stage !== "armed") {
    return { kind: "local-disk", reason: `the install of ${host.name} is ${install.stage}` };
  }
  if (facts.now >= install.expiresAt) {
    return { kind: "local-disk", reason: `the arming of ${host.name} has expired` };
  }
  if (!facts.hasFlavor(install.flavor)) {
    return {
      kind: "local-disk",
      reason: `flavor ${install.flavor} is gone, so ${host.name} cannot be installed`,
    };
  }
  return {
    kind: "install",
    kernel: flavorPath(install.flavor, "kernel"),
    initrds: [flavorPath(install.flavor, "initrd.img")],
    cmdline: commandLine(host, install, service),
    reason: `${host.name} is armed for ${formatVersion(install.version)}`,
  };
}

function commandLine(host: Host, install: Install, service: InstallService): string {
  const words: readonly (string | undefined)[] = [
    // The kernel would otherwise print its command line, and the token with it, on every console.
    "quiet",
    host.kernelArguments,
    install.kernelArguments,
    `${kernelParameters.server}=${service.nodeUrl}`,
    `${kernelParameters.pin}=${service.pin}`,
    `${kernelParameters.mac}=${service.mac}`,
    service.token === undefined ? undefined : `${kernelParameters.token}=${service.token}`,
  ];
  return words.filter((word) => word !== undefined && word !== "").join(" ");
}
