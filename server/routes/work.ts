/** Requests for long work: everything that can be refused is refused here, the rest becomes jobs. */
import { parseDiskWord } from "../../autoinstall/layout/disk-match.ts";
import { AppError } from "../../base/errors.ts";
import { formatVersion, type VersionId } from "../../images/manifest.ts";
import { parseFlavorName } from "../../netboot/flavor/flavor.ts";
import { json, type Parser, pathParam, type Route, type RouteContext, readJson } from "../api/router.ts";
import { CaptureRequest, PrepareRequest } from "../api/schema/capture.ts";
import { FlavorRequest } from "../api/schema/flavor.ts";
import { CommitRequest, VerifyRequest } from "../api/schema/image.ts";
import { DeployRequest } from "../api/schema/node.ts";
import { OverridesPush } from "../api/schema/override.ts";
import { DriftRequest, UpdateRequest } from "../api/schema/update.ts";
import { type Host, parseKernelArguments } from "../hosts/host.ts";
import type { JobSpec, Json } from "../jobs/job.ts";
import { isRescueWanted } from "../rescues/rescue.ts";
import type { Services } from "../services.ts";
import type { CommitParams, VerifyParams } from "../workflows/commit.ts";
import type { DeployParams } from "../workflows/deploy.ts";
import { passphraseFor } from "../workflows/install-programs.ts";
import { installableLayout } from "../workflows/layout.ts";
import { ruleSources } from "../workflows/session.ts";
import type { UpdateParams } from "../workflows/update.ts";
import { bootableFlavor, refuseArming } from "./arming.ts";
import { versionRef } from "./image-history.ts";
import { jobView } from "./jobs.ts";
import { imageName, resolveVersion, selected, versionId, versionText, wanted } from "./results.ts";

export function workRoutes(services: Services): readonly Route[] {
  function work<T>(
    path: string,
    parser: Parser<T>,
    plan: (request: T, context: RouteContext) => readonly JobSpec[] | Promise<readonly JobSpec[]>,
  ): Route {
    return {
      method: "POST",
      path,
      access: "admin",
      handle: async (context) => {
        const specs = await plan(await readJson(context, parser), context);
        return json({ jobs: services.jobs.submit(specs).map(jobView) }, 202);
      },
    };
  }

  return [
    work("/api/prepare", PrepareRequest, (request) => [
      { kind: "prepare", title: `prepare ${request.host}`, params: plain(request), resources: [] },
    ]),
    work("/api/capture", CaptureRequest, (request) => {
      const image = imageName(request.image);
      ruleSources(request);
      return [
        {
          kind: "capture",
          title: `capture ${request.host} into ${image}`,
          image,
          params: plain(request),
          resources: [`image:${image}`],
        },
      ];
    }),
    work("/api/images/{name}/commit", CommitRequest, (request, context) => {
      const image = imageName(pathParam(context, "name"));
      const params: CommitParams = { image, message: request.message ?? "" };
      const resources = [`image:${image}`];
      return [{ kind: "commit", title: `commit ${image}`, image, params: plain(params), resources }];
    }),
    work("/api/images/{name}/verify", VerifyRequest, async (request, context) => {
      const image = imageName(pathParam(context, "name"));
      const manifest = await services.store.resolve(versionRef(image, request.version));
      const all = request.all === true;
      if (all && request.version !== undefined) {
        throw new AppError("bad-input", "A version was named, and all of them were asked for");
      }
      const params: VerifyParams = { image, version: manifest.number, ...(all ? { all } : {}) };
      const title = all ? `verify all versions of ${image}` : `verify ${versionText(manifest)}`;
      return [{ kind: "verify", title, image, params: plain(params), resources: [] }];
    }),
    work("/api/deploy", DeployRequest, async (request) => await planDeploy(services, request)),
    work("/api/update", UpdateRequest, async (request) => {
      const manifest = await resolveVersion(services.store, request.image);
      ruleSources(request);
      const { nodes, image: _image, dryRun, ...options } = request;
      return selected(services.hosts, nodes).map((host) =>
        updateSpec("update", host, { ...options, version: versionId(manifest), dryRun: dryRun === true }),
      );
    }),
    work("/api/drift", DriftRequest, async (request) => {
      const asked =
        request.image === undefined ? undefined : await resolveVersion(services.store, request.image);
      ruleSources(request);
      const { nodes, image: _image, ...options } = request;
      const specs: JobSpec[] = [];
      for (const host of selected(services.hosts, nodes)) {
        const version = asked === undefined ? await recordedVersion(services, host) : versionId(asked);
        specs.push(updateSpec("drift", host, { ...options, version, dryRun: true }));
      }
      return specs;
    }),
    work("/api/overrides/push", OverridesPush, async (request) => {
      const asked =
        request.image === undefined ? undefined : await resolveVersion(services.store, request.image);
      ruleSources(request);
      const { nodes, image: _image, dryRun, ...options } = request;
      const specs: JobSpec[] = [];
      for (const host of selected(services.hosts, withGroups(services, nodes))) {
        const version = asked === undefined ? await recordedVersion(services, host) : versionId(asked);
        const only = { overridesOnly: true, dryRun: dryRun === true };
        specs.push(updateSpec("update", host, { ...options, ...only, version }));
      }
      return specs;
    }),
    work("/api/flavors", FlavorRequest, async (request) => {
      const name = wanted(parseFlavorName(request.name));
      if (request.image === undefined && request.kernelVersion !== undefined) {
        throw new AppError(
          "bad-input",
          "A kernel's version is chosen among an image's, and no image is named",
        );
      }
      const resources = [`flavor:${name}`];
      if (request.image === undefined) {
        const { arch } = request;
        const params = { name, ...(arch === undefined ? {} : { arch }) };
        return [{ kind: "flavor", title: `build flavor ${name}`, params, resources }];
      }
      const image = versionText(await resolveVersion(services.store, request.image));
      const title = `build flavor ${name} from ${image}`;
      return [{ kind: "flavor", title, params: plain({ ...request, name, image }), resources }];
    }),
  ];
}

/** A group may be named without its `@` where no node has the name, as si_pushoverrides takes them. */
function withGroups(services: Services, nodes: string): string {
  const hosts = services.hosts.list();
  return nodes
    .split(/[\s,]+(?![^[]*\])/)
    .map((word) =>
      hosts.some(({ groups }) => groups.some((group) => group === word)) &&
      !hosts.some(({ name }) => name === word.toLowerCase())
        ? `@${word}`
        : word,
    )
    .join(",");
}

/** Requests hold JSON values only: they came as JSON. */
function plain(request: object): Json {
  return JSON.parse(JSON.stringify(request)) as Json;
}

function updateSpec(
  kind: "update" | "drift",
  host: Host,
  {
    version,
    ...options
  }: { readonly version: VersionId; readonly dryRun: boolean; readonly [key: string]: unknown },
): JobSpec {
  const params: UpdateParams = { ...options, node: host.name, image: version.image, version: version.number };
  return {
    kind,
    title:
      options["overridesOnly"] === true
        ? `push overrides to ${host.name}`
        : `${kind} ${host.name} ${kind === "update" ? "to" : "from"} ${formatVersion(version)}`,
    node: host.name,
    image: version.image,
    params: plain(params),
    resources: [`node:${host.name}`, "slots:update"],
  };
}

/** The version that a node is said to have, if it is still there. */
export async function recordedVersion(services: Services, host: Host): Promise<VersionId> {
  if (host.image === undefined) {
    throw new AppError("refused", `Node ${host.name} is not said to have a version`, {
      hint: "name one with --image, or record it: ingot node set NODES --image IMAGE@N",
    });
  }
  try {
    return versionId(await services.store.resolve(host.image));
  } catch (error) {
    const gone = services.versions.find(host.image.image, host.image.number);
    if (!(error instanceof AppError) || error.code !== "not-found" || gone === undefined) {
      throw error;
    }
    const made = new Date(gone.created).toISOString().slice(0, 16).replace("T", " ");
    throw new AppError(
      "not-found",
      `Node ${host.name} has ${formatVersion(host.image)} of ${made}, which was removed`,
      {
        hint: "name another version with --image",
        cause: error,
      },
    );
  }
}

async function planDeploy(services: Services, request: DeployRequest): Promise<readonly JobSpec[]> {
  const { settings } = services;
  const chosen = selected(services.hosts, request.nodes);
  const manifest = await resolveVersion(services.store, request.image);
  const version = versionId(manifest);
  const flavor = bootableFlavor(services, request.flavor);
  const kernelArguments =
    request.kernelArguments === undefined ? undefined : wanted(parseKernelArguments(request.kernelArguments));
  const disks = request.disks?.map((disk) => wanted(parseDiskWord(disk)));
  const { layout } = await installableLayout(services.store, version);
  for (const host of chosen) {
    refuseArming(services, host);
    if (isRescueWanted(services.rescues.get(host.name), services.clock.now())) {
      throw new AppError("conflict", `Node ${host.name} is to boot a rescue shell`, {
        hint: `ingot localboot ${host.name} takes that back`,
      });
    }
    if (layout.crypts.length > 0) {
      await passphraseFor(services, { name: host.name, groups: host.groups, image: version.image });
    }
  }
  return chosen.map((host) => {
    const params: DeployParams = {
      node: host.name,
      image: version.image,
      version: version.number,
      flavor,
      armTime: request.armMinutes === undefined ? settings.armTime : request.armMinutes * 60_000,
      ...(kernelArguments === undefined ? {} : { kernelArguments }),
      ...(disks === undefined ? {} : { disks }),
      ...(request.wipe === true ? { wipe: true } : {}),
    };
    return {
      kind: "deploy",
      title: `deploy ${formatVersion(version)} on ${host.name}`,
      node: host.name,
      image: version.image,
      params: plain(params),
      resources: [`node:${host.name}`],
    };
  });
}
