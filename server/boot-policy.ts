/** What a machine boots: a pure decision over what is known of it. Nothing but an armed node is ever given an installer. */
import { kernelParameters } from "../autoinstall/install/protocol.ts";
import type { MacAddress } from "../base/net-types.ts";
import { formatVersion } from "../images/manifest.ts";
import type { Processor } from "../netboot/arch.ts";
import type { BootDecision, LocalBootMethod } from "../netboot/booter.ts";
import type { FlavorArch } from "../netboot/flavor/flavor.ts";
import type { Host } from "./hosts/host.ts";
import type { Install } from "./installs/install.ts";
import { isRescueWanted, type Rescue } from "./rescues/rescue.ts";

export interface BootFacts {
  /** The node whose MAC asks; undefined for a machine that nobody knows. */
  readonly host: Host | undefined;
  /** Its newest install. */
  readonly install: Install | undefined;
  /** Its newest rescue. */
  readonly rescue?: Rescue | undefined;
  /** Set where machines that nobody knows are discovered. */
  readonly discovery?: Discovery | undefined;
  readonly now: number;
  /** What asks; undefined where nothing does, and any machine is meant. */
  readonly processor?: Processor | undefined;
  /** The machines that a flavor is for, where it is there. */
  readonly flavorArch: (name: string) => FlavorArch | undefined;
}

/** The flavor of machines with another processor than the PCs that `standard` is for has this at the end of its name. */
const armSuffix = "-arm64";

export interface Discovery {
  readonly flavor: string;
  readonly kernelArguments: string;
  /** Whether an administrator wants this machine left alone. */
  readonly isIgnored: boolean;
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
  const { host, install, rescue } = facts;
  if (host === undefined) {
    return decideForStranger(facts, service);
  }
  const rescueFlavor = isRescueWanted(rescue, facts.now) ? kindredFlavor(rescue.flavor, facts) : undefined;
  if (rescue !== undefined && rescueFlavor !== undefined) {
    return {
      kind: "rescue",
      ...bootFiles(rescueFlavor),
      cmdline: commandLine([host.kernelArguments, rescue.kernelArguments], service, "rescue"),
      reason: `a rescue shell was asked for on ${host.name}`,
    };
  }
  return host.localBoot === undefined
    ? decideForNode(facts, host, install, service)
    : withMethod(decideForNode(facts, host, install, service), host.localBoot);
}

function withMethod(decision: BootDecision, method: LocalBootMethod): BootDecision {
  return decision.kind === "local-disk" ? { ...decision, method } : decision;
}

const processors: Readonly<Record<FlavorArch, readonly Processor[]>> = {
  x86_64: ["x86", "x64"],
  aarch64: ["arm64"],
};

/** Whether a flavor's kernel runs on the machine that asks. */
function suits(name: string, { flavorArch, processor }: BootFacts): boolean {
  const arch = flavorArch(name);
  return arch !== undefined && (processor === undefined || processors[arch].includes(processor));
}

/** The flavor, or its kin for the processor of the machine that asks: `standard-arm64` for `standard`. */
function kindredFlavor(name: string, facts: BootFacts): string | undefined {
  return [name, `${name}${armSuffix}`].find((one) => suits(one, facts));
}

function decideForStranger(facts: BootFacts, service: InstallService): BootDecision {
  const { discovery } = facts;
  if (discovery === undefined) {
    return { kind: "ignore", reason: "this machine is not known" };
  }
  if (discovery.isIgnored) {
    return { kind: "ignore", reason: "this machine is not known, and an administrator wants it left alone" };
  }
  const flavor = kindredFlavor(discovery.flavor, facts);
  if (flavor === undefined) {
    const wanted = facts.processor === "arm64" ? `${discovery.flavor}${armSuffix}` : discovery.flavor;
    return { kind: "ignore", reason: `there is no flavor ${wanted} to discover this machine with` };
  }
  return {
    kind: "discover",
    ...bootFiles(flavor),
    cmdline: commandLine([discovery.kernelArguments], service, "discover"),
    reason: "this machine is not known: it reports its hardware and waits to be adopted",
  };
}

function decideForNode(
  facts: BootFacts,
  host: Host,
  install: Install | undefined,
  service: InstallService,
): BootDecision {
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
  if (!suits(install.flavor, facts)) {
    const arch = facts.flavorArch(install.flavor);
    const what = arch === undefined ? "gone" : `for ${arch} machines`;
    // Never its kin: the image that it was armed with is of that processor too.
    return {
      kind: "local-disk",
      reason: `flavor ${install.flavor} is ${what}, so ${host.name} cannot be installed`,
    };
  }
  return {
    kind: "install",
    ...bootFiles(install.flavor),
    cmdline: commandLine([host.kernelArguments, install.kernelArguments], service, undefined),
    reason: `${host.name} is armed for ${formatVersion(install.version)}`,
  };
}

function bootFiles(flavor: string): { readonly kernel: string; readonly initrds: readonly string[] } {
  return { kernel: flavorPath(flavor, "kernel"), initrds: [flavorPath(flavor, "initrd.img")] };
}

function commandLine(
  own: readonly (string | undefined)[],
  service: InstallService,
  mode: "discover" | "rescue" | undefined,
): string {
  const words: readonly (string | undefined)[] = [
    // The kernel would otherwise print its command line, and the token with it, on every console.
    "quiet",
    ...own,
    `${kernelParameters.server}=${service.nodeUrl}`,
    `${kernelParameters.pin}=${service.pin}`,
    `${kernelParameters.mac}=${service.mac}`,
    mode === undefined ? undefined : `${kernelParameters.mode}=${mode}`,
    service.token === undefined ? undefined : `${kernelParameters.token}=${service.token}`,
  ];
  return words.filter((word) => word !== undefined && word !== "").join(" ");
}
