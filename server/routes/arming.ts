/** What an arming wants, for an install or for a rescue. */
import { AppError } from "../../base/errors.ts";
import { formatVersion } from "../../images/manifest.ts";
import { parseFlavorName } from "../../netboot/flavor/flavor.ts";
import type { Host } from "../hosts/host.ts";
import { isInstallOver } from "../installs/install.ts";
import type { Services } from "../services.ts";
import { wanted } from "./results.ts";

/** A flavor that is there, on a server that can hand it out. */
export function bootableFlavor(services: Services, asked: string | undefined): string {
  const flavor = wanted(parseFlavorName(asked ?? services.settings.flavor));
  if (!services.flavors.has(flavor)) {
    throw new AppError("refused", `Flavor ${flavor} does not exist`, {
      hint: `ingot flavor build ${flavor} makes it`,
    });
  }
  if (services.settings.bootInterfaces.length === 0) {
    throw new AppError("refused", "No interface is configured for netboot, so no node could fetch a kernel", {
      hint: "name one in netboot.interfaces of the configuration",
    });
  }
  return flavor;
}

/** A machine that cannot be recognised, or that is armed for an install already. */
export function refuseArming(services: Services, host: Host): void {
  if (host.macs.length === 0 && host.uuid === undefined) {
    throw new AppError(
      "refused",
      `Node ${host.name} has neither MAC address nor UUID, so it cannot be recognised at boot`,
      {
        hint: `ingot node set ${host.name} --mac ADDRESS`,
      },
    );
  }
  const install = services.installs.latest(host.name);
  if (install !== undefined && !isInstallOver(install)) {
    throw new AppError(
      "conflict",
      `Node ${host.name} is ${install.stage} for ${formatVersion(install.version)} already`,
      {
        hint: `ingot localboot ${host.name} disarms it`,
      },
    );
  }
}
