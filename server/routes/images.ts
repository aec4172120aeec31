import { AppError } from "../../base/errors.ts";
import { parseRelPath } from "../../base/path-bytes.ts";
import type { ImageName, Manifest } from "../../images/manifest.ts";
import type { ImageSummary as StoredImage } from "../../images/store/store.ts";
import { json, noContent, pathParam, type Route, readJson } from "../api/router.ts";
import { type ImageContent, type ImageSummary, type ImageVersion, LockRequest } from "../api/schema/image.ts";
import type { Services } from "../services.ts";
import { readInstallableVersion } from "../workflows/installable-version.ts";
import { layoutLimit, layoutPath } from "../workflows/layout.ts";
import { queryVersion, versionRef } from "./image-history.ts";
import { imageName, wanted } from "./results.ts";

function versionView(manifest: Manifest, tags: ReadonlyMap<string, number>): ImageVersion {
  const { host } = manifest.source;
  return {
    version: manifest.number,
    createdAt: manifest.created,
    message: manifest.message,
    files: manifest.totals.entries,
    bytes: manifest.totals.bytes,
    stored: manifest.totals.stored,
    tags: [...tags].filter(([, number]) => number === manifest.number).map(([tag]) => tag),
    ...(host === undefined ? {} : { source: host }),
  };
}

export function imageRoutes(services: Services): readonly Route[] {
  const { store, locks } = services;

  async function summary(image: StoredImage): Promise<ImageSummary> {
    const tags = await store.tags(image.image);
    return {
      name: image.image,
      versions: image.versions,
      tree: store.treePath(image.image),
      ...(image.newest === undefined ? {} : { latest: versionView(image.newest, tags) }),
    };
  }

  async function stored(name: ImageName): Promise<StoredImage> {
    const found = (await store.list()).find(({ image }) => image === name);
    if (found === undefined) {
      throw new AppError("not-found", `Image ${name} does not exist`, {
        hint: "ingot image list shows all images",
      });
    }
    return found;
  }

  return [
    {
      method: "GET",
      path: "/api/images",
      access: "admin",
      handle: async () => json({ images: await Promise.all((await store.list()).map(summary)) }),
    },
    {
      method: "GET",
      path: "/api/images/{name}",
      access: "admin",
      handle: async ({ params, url }) => {
        const image = await stored(imageName(pathParam({ params }, "name")));
        const history = await store.history(image.image);
        const tags = await store.tags(image.image);
        const asked = queryVersion(url, "version");
        const size =
          image.newest === undefined && asked === undefined
            ? undefined
            : await store.show(versionRef(image.image, asked));
        const held = locks.holder(image.image);
        const lock =
          held ?? (image.lockedBy === undefined ? undefined : { purpose: image.lockedBy, since: 0 });
        return json({
          ...(await summary(image)),
          history: [...history].reverse().map((manifest) => versionView(manifest, tags)),
          ...(size === undefined
            ? {}
            : {
                version: versionView(size.manifest, tags),
                packs: { bytes: size.packBytes, own: size.ownPackBytes },
              }),
          ...(lock === undefined ? {} : { lock }),
        });
      },
    },
    {
      method: "GET",
      path: "/api/images/{name}/layout",
      access: "admin",
      handle: async ({ params, url }) => {
        const ref = versionRef(imageName(pathParam({ params }, "name")), queryVersion(url, "version"));
        const path = wanted(parseRelPath(layoutPath));
        return new Response(Uint8Array.from(await store.readFile(ref, path, { limit: layoutLimit })), {
          headers: { "content-type": "text/plain" },
        });
      },
    },
    {
      method: "GET",
      path: "/api/images/{name}/content",
      access: "admin",
      handle: async ({ params, url }) => {
        const ref = versionRef(imageName(pathParam({ params }, "name")), queryVersion(url, "version"));
        const { image, number } = await store.resolve(ref);
        const { manifest, treeBytes, used } = await readInstallableVersion(store, { image, number });
        return json({
          ...{ image, version: number, bytes: treeBytes, entries: manifest.totals.entries },
          filesystems: [...used].map(([mountPoint, bytes]) => ({ mountPoint, bytes })),
        } satisfies ImageContent);
      },
    },
    {
      method: "DELETE",
      path: "/api/images/{name}",
      access: "admin",
      handle: async ({ params }) => {
        const image = imageName(pathParam({ params }, "name"));
        const users = services.hosts.list().filter((host) => {
          const install = services.installs.latest(host.name);
          return (
            install?.version.image === image && (install.stage === "armed" || install.stage === "installing")
          );
        });
        if (users.length > 0) {
          throw new AppError("refused", `Image ${image} is being installed on node ${users[0]?.name}`, {
            hint: `ingot localboot ${users[0]?.name} disarms it`,
          });
        }
        await store.remove(image);
        return noContent();
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/lock",
      access: "admin",
      handle: async (context) => {
        const image = (await stored(imageName(pathParam(context, "name")))).image;
        const { purpose, pid } = await readJson(context, LockRequest);
        return json({ image, ...(await locks.take(image, { purpose, pid })) }, 201);
      },
    },
    {
      method: "DELETE",
      path: "/api/images/{name}/lock",
      access: "admin",
      handle: async ({ params, url }) => {
        await locks.release(imageName(pathParam({ params }, "name")), url.searchParams.get("token") ?? "");
        return noContent();
      },
    },
  ];
}
