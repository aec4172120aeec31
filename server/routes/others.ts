/** Status, flavors, pinned host keys, and the line that makes a machine a client. */
import { AppError } from "../../base/errors.ts";
import { sh } from "../../base/posix-quote.ts";
import type { FlavorInfo } from "../../netboot/flavor/flavor.ts";
import { json, noContent, pathParam, type Route } from "../api/router.ts";
import type { Flavor } from "../api/schema/flavor.ts";
import type { Services } from "../services.ts";

export function flavorView(flavor: FlavorInfo): Flavor {
  const createdAt = Date.parse(flavor.created);
  return {
    name: flavor.name,
    kernelVersion: flavor.kernelVersion,
    machine: flavor.arch,
    bytes: flavor.sizes.kernel + flavor.sizes.initrd,
    ...(flavor.image === undefined ? {} : { image: flavor.image }),
    ...(flavor.loaders === undefined ? {} : { loaders: [...flavor.loaders] }),
    ...(Number.isNaN(createdAt) ? {} : { createdAt }),
  };
}

export function otherRoutes(services: Services): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/api/status",
      access: "admin",
      handle: () => json(services.status()),
    },
    {
      method: "GET",
      path: "/api/flavors",
      access: "admin",
      handle: async () => json({ flavors: (await services.flavors.list()).map(flavorView) }),
    },
    {
      method: "DELETE",
      path: "/api/flavors/{name}",
      access: "admin",
      handle: async ({ params }) => {
        const name = pathParam({ params }, "name");
        const user = services.hosts.list().find((host) => {
          const install = services.installs.latest(host.name);
          return install?.stage === "armed" && install.flavor === name;
        });
        if (user !== undefined) {
          throw new AppError("refused", `Flavor ${name} is what node ${user.name} is armed with`, {
            hint: `ingot localboot ${user.name} disarms it`,
          });
        }
        await services.flavors.remove(name);
        return noContent();
      },
    },
    {
      method: "GET",
      path: "/api/client",
      access: "admin",
      handle: () => {
        const url = `${services.clientUrl()}/client/${services.tokens.createClientToken()}`;
        const line = sh`curl -fsSk --pinnedpubkey ${services.pin} ${url} | sh`;
        return json({ line, url, pin: services.pin });
      },
    },
    {
      method: "GET",
      path: "/api/host-keys",
      access: "admin",
      handle: () => json({ keys: services.hostKeys.list() }),
    },
    {
      method: "DELETE",
      path: "/api/host-keys",
      access: "admin",
      handle: ({ url }) => {
        const host = url.searchParams.get("host") ?? "";
        const keys = services.hostKeys.forget(host);
        if (keys.length === 0) {
          throw new AppError("not-found", `No key is pinned for host '${host}'`, {
            hint: "ingot host-keys list shows those that are",
          });
        }
        return json({ keys });
      },
    },
  ];
}
