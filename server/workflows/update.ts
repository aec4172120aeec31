/** Bringing running nodes to a version, and telling how they differ from one. */
import { escapePath, type RelPath } from "../../base/path-bytes.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { SyncAction } from "../../images/sync/actions.ts";
import type { UpdateResult as NodeUpdate } from "../../images/update/request.ts";
import { updateNode } from "../../images/update/run.ts";
import type { PlannedAction, UpdateResult } from "../api/schema/update.ts";
import type { HostName } from "../hosts/host.ts";
import type { JobContext, JobHandler } from "../jobs/runner.ts";
import { overriddenNode, overridesFor } from "../overrides/for-node.ts";
import type { Services } from "../services.ts";
import { ruleSources, withSession } from "./session.ts";

export interface UpdateParams {
  readonly node: string;
  readonly image: string;
  readonly version: number;
  readonly dryRun: boolean;
  readonly noBootloader?: boolean;
  readonly noDelete?: boolean;
  readonly checksum?: boolean;
  readonly reboot?: boolean;
  /** Only what the node's overrides lay. */
  readonly overridesOnly?: boolean;
  readonly filter?: readonly string[];
  readonly exclude?: readonly string[];
  readonly profiles?: readonly string[];
}

const listedActions = 5000;

/** Runs `update` and, with `dryRun` set by whoever submits it, `drift`. */
export function updateHandler(services: () => Services): JobHandler {
  return {
    run: async (context) => {
      const params = context.job.params as unknown as UpdateParams;
      const result = await runUpdate(services(), params, context);
      if (result.applied && params.overridesOnly !== true) {
        remember(services(), params);
      }
      return updateResult(params, result);
    },
  };
}

async function runUpdate(services: Services, params: UpdateParams, context: JobContext): Promise<NodeUpdate> {
  const { signal, progress, log } = context;
  const node = overriddenNode(services, params.node);
  const overrides = await overridesFor(services, node, params.image);
  progress({ phase: "connect", message: `Connecting to ${params.node}` });
  return await withSession(
    services,
    { host: params.node, signal },
    async (session) =>
      await updateNode({
        session,
        store: services.store,
        image: params.image as ImageName,
        version: params.version,
        overrides,
        options: {
          ...ruleSources(params),
          dryRun: params.dryRun,
          noBootloader: params.noBootloader === true,
          noDelete: params.noDelete === true,
          checksum: params.checksum === true,
          reboot: params.reboot === true,
          overridesOnly: params.overridesOnly === true,
        },
        clock: services.clock,
        log,
        onProgress: progress,
        signal,
      }),
  );
}

function remember(services: Services, params: UpdateParams): void {
  const host = services.hosts.get(params.node as HostName);
  if (host !== undefined) {
    services.hosts.replace([
      { ...host, image: { image: params.image as ImageName, number: params.version } },
    ]);
  }
}

function updateResult(params: UpdateParams, result: NodeUpdate): UpdateResult {
  const { plan } = result;
  return {
    node: params.node,
    image: params.image,
    version: params.version,
    overrides: plan.overrides.map(({ image }) => image),
    applied: result.applied,
    summary: { ...plan.summary },
    actions: plan.actions.first(listedActions).map((action) => plannedAction(action, plan.sources)),
    truncated: plan.actions.length > listedActions,
    rules: plan.rules.map((rule) => ({ ...rule })),
    notes: [...plan.notes, ...result.notes],
  };
}

function plannedAction(action: SyncAction, sources: ReadonlyMap<RelPath, string>): PlannedAction {
  if (action.kind === "delete") {
    return {
      kind: "delete",
      path: escapePath(action.path),
      entry: action.directory ? "directory" : "file",
      changes: [],
    };
  }
  const override = sources.get(action.entry.path);
  return {
    kind: action.kind,
    ...(override === undefined ? {} : { override }),
    path: escapePath(action.entry.path),
    entry: action.entry.kind,
    changes: [...action.changes],
    ...(action.kind === "write" && action.entry.kind === "file" ? { bytes: action.entry.size } : {}),
  };
}
