/** What the virtual machine boots that reads disks from elsewhere: a flavor that this server has. */
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import type { MachineSystem } from "../../images/disk/machine-system.ts";
import { encodeCpio } from "../../netboot/flavor/cpio.ts";
import type { FlavorInfo } from "../../netboot/flavor/flavor.ts";

/** Chooses a flavor for this server's own processor: one of stock packages before one of an image's kernel. */
export function machineSystem(flavors: readonly FlavorInfo[], processor: string): MachineSystem {
  const own = flavors.filter(({ arch }) => arch === processor);
  const flavor = own.find(({ image }) => image === undefined) ?? own[0];
  if (flavor === undefined) {
    throw new AppError("not-found", `there is no flavor for ${processor} that it could boot`, {
      hint: "Build one: ingot flavor build",
    });
  }
  return {
    processor,
    kernel: flavor.kernelPath,
    ramdisk: flavor.initrdPath,
    archiveOf: ({ path, data }) => encodeCpio([{ kind: "file", path: path as RelPath, mode: 0o755, data }]),
  };
}
