/** Override trees, and what of them lies over an image on a node. */
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import type { FileEntry } from "../../images/entry.ts";
import type { Overlaid } from "../../images/overlay/overlays.ts";
import type { VersionTable } from "../../images/store/version-table.ts";
import { changesBetween } from "../../images/sync/compare.ts";
import { json, noContent, pathParam, type Route } from "../api/router.ts";
import type { NodeOverrides, OverrideList } from "../api/schema/override.ts";
import { parseHostName } from "../hosts/host.ts";
import { overridesFor } from "../overrides/for-node.ts";
import { everybody } from "../overrides/names.ts";
import type { Services } from "../services.ts";
import { imageName, resolveVersion, versionId, wanted } from "./results.ts";
import { recordedVersion } from "./work.ts";

export function overrideRoutes(services: Services): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/api/overrides",
      access: "admin",
      handle: async () => {
        const images = new Set((await services.store.list()).map(({ image }) => String(image)));
        const overrides = (await services.overrides.list()).map(({ changed, ...summary }) => ({
          ...summary,
          of: ownersOf(services, { name: summary.name, images }),
          changedAt: changed,
        }));
        return json({ overrides } satisfies OverrideList);
      },
    },
    {
      method: "DELETE",
      path: "/api/overrides/{name}",
      access: "admin",
      handle: async (context) => {
        await services.overrides.remove(imageName(pathParam(context, "name")));
        return noContent();
      },
    },
    {
      method: "GET",
      path: "/api/nodes/{name}/overrides",
      access: "admin",
      handle: async (context) => {
        const name = wanted(parseHostName(pathParam(context, "name")));
        const host = services.hosts.get(name);
        if (host === undefined) {
          throw new AppError("not-found", `Node ${name} does not exist`, {
            hint: "ingot node list shows all nodes",
          });
        }
        const image = context.url.searchParams.get("image");
        const version =
          image === null
            ? await recordedVersion(services, host)
            : versionId(await resolveVersion(services.store, image));
        const { overlays, versions } = await overridesFor(services, host, version.image);
        const base = await services.store.table(version);
        const laid = await overlays.over(base, versions);
        return json({
          node: host.name,
          image: version.image,
          version: version.number,
          overrides: versions.map((each) => each.image),
          entries: entriesOf(base, laid),
        } satisfies NodeOverrides);
      },
    },
  ];
}

/** Whose an override is, by its name. */
function ownersOf(
  services: Services,
  override: { readonly name: string; readonly images: ReadonlySet<string> },
): string[] {
  const { name, images } = override;
  const hosts = services.hosts.list();
  return [
    ...(name === everybody ? ["all nodes"] : []),
    ...hosts
      .filter((host) => host.name === name || host.name.startsWith(`${name}.`))
      .map((host) => `node ${host.name}`),
    ...(hosts.some((host) => host.groups.some((group) => group === name)) ? [`group ${name}`] : []),
    ...(images.has(name) ? [`image ${name}`] : []),
  ];
}

function entriesOf(base: VersionTable, laid: Overlaid): NodeOverrides["entries"] {
  return [...laid.tree.laid].map(([path, { entry, layer }]) => {
    const standing = base.find(path);
    return {
      path: escapePath(path),
      override: layer.name,
      entry: entry.kind,
      ...(entry.kind === "file" ? { bytes: entry.size } : {}),
      ...(standing === undefined ? {} : { changes: changesOf(entry, standing) }),
    };
  });
}

function changesOf(entry: FileEntry, standing: FileEntry): string[] {
  return [...changesBetween(entry, standing, {})];
}
