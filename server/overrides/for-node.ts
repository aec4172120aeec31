/** What lies over an image on a node: its overrides as they are now. */
import { AppError } from "../../base/errors.ts";
import type { Overrides } from "../../images/overlay/overlaid-reader.ts";
import type { Peer } from "../api/auth.ts";
import { parseHostName } from "../hosts/host.ts";
import type { Services } from "../services.ts";
import { type OverriddenNode, overrideNames } from "./names.ts";

/** The node as it is known; one that is not has no groups. */
export function overriddenNode(services: Pick<Services, "hosts">, name: string): OverriddenNode {
  const parsed = parseHostName(name);
  const host = parsed.ok ? services.hosts.get(parsed.value) : undefined;
  return { name, groups: host?.groups ?? [] };
}

/** Makes versions of the node's overrides where they have changed. */
export async function overridesFor(
  services: Pick<Services, "overrides">,
  node: OverriddenNode,
  image: string,
): Promise<Overrides> {
  const names = overrideNames(node, image);
  const versions = await services.overrides.freeze(names);
  return { overlays: services.overrides.overlays, versions, names: new Set(names) };
}

/**
 * Of a node that asks by itself. Its address says which it is: the token that it has is every client's, and an override may hold what is
 * for one node's eyes. One that cannot be told from another gets what all get, unless the node that it says it is has more.
 */
export async function pulledOverrides(
  services: Pick<Services, "hosts" | "overrides">,
  asked: { readonly hostname: string; readonly peer: Peer; readonly image: string },
): Promise<Overrides> {
  const { hostname, peer, image } = asked;
  const hosts = services.hosts.list();
  const host =
    peer.address === undefined
      ? undefined
      : (hosts.find(({ ip }) => ip === peer.address) ??
        hosts.find(({ ip, seen }) => ip === undefined && seen?.address === peer.address));
  if (host !== undefined) {
    return await overridesFor(services, host, image);
  }
  const common = await overridesFor(services, { name: "", groups: [] }, image);
  const said = overriddenNode(services, hostname.toLowerCase());
  const its = await services.overrides.freeze(overrideNames(said, image));
  const owned = its.filter((version) => !common.versions.some((each) => each.image === version.image));
  if (owned.length > 0) {
    throw new AppError(
      "refused",
      `Cannot tell which node asks from ${peer.address ?? "a socket"}: it says ${hostname}, which has overrides of its own`,
      {
        hint: `ingot node set ${hostname} --ip ADDRESS says where it is; or update it from the server: ingot update ${hostname}`,
      },
    );
  }
  return common;
}
