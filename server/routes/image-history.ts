/** Requests that change which versions an image has, what they are called, and what its tree is. */
import { AppError } from "../../base/errors.ts";
import {
  formatVersion,
  type ImageName,
  parseTag,
  type VersionId,
  type VersionRef,
} from "../../images/manifest.ts";
import { json, pathParam, type Route, readJson } from "../api/router.ts";
import {
  CopyRequest,
  MoveRequest,
  PruneRequest,
  type PruneResult,
  RollbackRequest,
  TagRequest,
  type VersionTags,
} from "../api/schema/image.ts";
import { isInstallOver } from "../installs/install.ts";
import type { JobSpec } from "../jobs/job.ts";
import type { Services } from "../services.ts";
import type { CopyParams, RollbackParams } from "../workflows/image-history.ts";
import { jobView } from "./jobs.ts";
import { imageName, versionText, wanted } from "./results.ts";

/** `web@3` or `web@stable` of an image's name and a version as requests name it; without one, the newest. */
export function versionRef(image: ImageName, version: number | string | undefined): VersionRef {
  if (version === undefined) {
    return { image };
  }
  return typeof version === "number" ? { image, number: version } : { image, tag: wanted(parseTag(version)) };
}

/** A version's number or tag from a request's query. */
export function queryVersion(url: URL, name: string): number | string | undefined {
  const text = url.searchParams.get(name) ?? "";
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : text === "" ? undefined : text;
}

export function imageHistoryRoutes(services: Services): readonly Route[] {
  const { store } = services;

  function started(spec: JobSpec): Response {
    return json({ jobs: services.jobs.submit([spec]).map(jobView) }, 202);
  }

  async function tagView(image: ImageName): Promise<Response> {
    const tags = [...(await store.tags(image))].map(([tag, version]) => ({ tag, version }));
    return json({ image, tags } satisfies VersionTags);
  }

  return [
    {
      method: "POST",
      path: "/api/images/{name}/rollback",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { version, discard } = await readJson(context, RollbackRequest);
        const text = versionText(await store.resolve(versionRef(image, version)));
        const params: RollbackParams = { version: text, discard: discard === true };
        return started({
          kind: "rollback",
          title: `roll back to ${text}`,
          image,
          params: { ...params },
          resources: [`image:${image}`],
        });
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/tags",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { tag, version } = await readJson(context, TagRequest);
        await store.tag(versionRef(image, version), wanted(parseTag(tag)));
        return tagView(image);
      },
    },
    {
      method: "DELETE",
      path: "/api/images/{name}/tags/{tag}",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        await store.untag(image, wanted(parseTag(pathParam(context, "tag"))));
        return tagView(image);
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/copy",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { to, version, replace } = await readJson(context, CopyRequest);
        const target = imageName(to);
        refuseReplacing(services, { image, target, replace });
        const from = versionText(await store.resolve(versionRef(image, version)));
        const params: CopyParams = { from, to: target, replace: replace === true };
        return started({
          kind: "copy",
          title: `copy ${from} to ${target}`,
          image: target,
          params: { ...params },
          resources: [`image:${target}`],
        });
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/move",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { to, replace } = await readJson(context, MoveRequest);
        const target = imageName(to);
        refuseReplacing(services, { image, target, replace });
        const user = activeUsers(services).find(({ version }) => version.image === image);
        if (user !== undefined) {
          throw new AppError("refused", `Image ${image} cannot be moved now: ${user.reason}`, {
            hint: "Wait until it is done, or cancel it.",
          });
        }
        const params: CopyParams = { from: image, to: target, replace: replace === true };
        return started({
          kind: "move",
          title: `move ${image} to ${target}`,
          image,
          params: { ...params },
          resources: [`image:${image}`, `image:${target}`],
        });
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/prune",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { keep, dryRun } = await readJson(context, PruneRequest);
        const result = await store.prune(image, {
          keep,
          dryRun: dryRun === true,
          inUse: (version) => userOf(services, version),
        });
        return json({
          image,
          removed: result.removed.map(({ number }) => number),
          kept: result.kept.map(({ version, reason }) => ({ version: version.number, reason })),
          bytes: result.packBytes,
          applied: dryRun !== true,
        } satisfies PruneResult);
      },
    },
  ];
}

/** An image that takes its own place, or one that is being worked with, is not replaced. */
function refuseReplacing(
  services: Services,
  request: { readonly image: ImageName; readonly target: ImageName; readonly replace: boolean | undefined },
): void {
  const { image, target } = request;
  if (request.replace !== true) {
    return;
  }
  if (image === target) {
    throw new AppError("bad-input", `Image ${image} cannot take its own place`);
  }
  const user = activeUsers(services).find(({ version }) => version.image === target);
  if (user !== undefined) {
    throw new AppError("refused", `Image ${target} cannot be replaced now: ${user.reason}`, {
      hint: "Wait until it is done, or cancel it.",
    });
  }
}

interface VersionUser {
  readonly version: VersionId;
  readonly reason: string;
}

/** Installs and jobs that are working with a version. */
function activeUsers(services: Services): readonly VersionUser[] {
  const installs = services.hosts.list().flatMap((host) => {
    const install = services.installs.latest(host.name);
    return install === undefined || isInstallOver(install)
      ? []
      : [{ version: install.version, reason: `it is being installed on node ${host.name}` }];
  });
  const jobs = services.journal.unfinished().flatMap((job) => {
    const params = job.params as { readonly image?: unknown; readonly version?: unknown } | null;
    return typeof params?.image === "string" && typeof params.version === "number"
      ? [
          {
            version: { image: imageName(params.image), number: params.version },
            reason: `job ${job.id} works with it: ${job.title}`,
          },
        ]
      : [];
  });
  return [...installs, ...jobs];
}

/** Why a version must stay: an install, a job, or a node that is said to have it (drift and updates are planned from it). */
function userOf(services: Services, version: VersionId): string | undefined {
  const wanted = formatVersion(version);
  const active = activeUsers(services).find((user) => formatVersion(user.version) === wanted);
  if (active !== undefined) {
    return active.reason;
  }
  const host = services.hosts
    .list()
    .find(({ image }) => image !== undefined && formatVersion(image) === wanted);
  return host === undefined ? undefined : `node ${host.name} has it`;
}
