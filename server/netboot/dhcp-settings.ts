import type { Ipv4Address, Ipv4Cidr } from "../../base/net-types.ts";
import { defaultLoaders, type LoaderTarget } from "../../netboot/arch.ts";
import { httpGrubLoader } from "../../netboot/boot-files/grub-image.ts";
import type { DhcpSettings } from "../../netboot/dhcp/settings.ts";
import type { InterfaceConfig } from "../config/schema.ts";

/** How DHCP is spoken on a configured interface; undefined where it is off. */
export function dhcpSettings(
  place: { readonly config: InterfaceConfig; readonly address: Ipv4Address; readonly subnet: Ipv4Cidr },
  boot: { readonly httpBase: string; readonly flavorLoaders: () => readonly string[] },
): DhcpSettings | undefined {
  const { config, address, subnet } = place;
  if (config.mode === "off") {
    return undefined;
  }
  return {
    ...{ interfaceName: config.name, mode: config.mode, address, subnet },
    ...{ dns: config.dns, leaseTime: config.leaseTime, options: config.options },
    ...addressing(config),
    relayed: config.relayed.map((relayed) => ({
      subnet: relayed.subnet,
      ...addressing(relayed),
      ...(relayed.dns === undefined ? {} : { dns: relayed.dns }),
      ...(relayed.leaseTime === undefined ? {} : { leaseTime: relayed.leaseTime }),
      ...(relayed.options === undefined ? {} : { options: relayed.options }),
    })),
    boot: {
      httpBase: boot.httpBase,
      loaders: loadersOf(config),
      httpLoader: (target) => httpLoader(target, boot.flavorLoaders()),
    },
  };
}

/** The loader that goes on by HTTP where the usual one cannot: one that came with a flavor. */
export function httpLoader(target: LoaderTarget, flavorLoaders: readonly string[]): string | undefined {
  return target === "uefi-arm64" && flavorLoaders.includes(httpGrubLoader) ? httpGrubLoader : undefined;
}

/** The usual loaders, and the site's own in their place. */
export function loadersOf({ loaders }: Pick<InterfaceConfig, "loaders">): typeof defaultLoaders {
  const own = Object.entries(loaders).filter(([, name]) => name !== undefined);
  return { ...defaultLoaders, ...Object.fromEntries(own) };
}

/** The settings that an interface and a relayed subnet may both leave out. */
function addressing({
  router,
  domain,
  pool,
}: Pick<InterfaceConfig, "router" | "domain" | "pool">): Pick<DhcpSettings, "router" | "domain" | "pool"> {
  return {
    ...(router === undefined ? {} : { router }),
    ...(domain === undefined ? {} : { domain }),
    ...(pool === undefined ? {} : { pool }),
  };
}
