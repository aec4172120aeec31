/** Long work on an image's versions: rolling the tree back, copying, moving. */
import { parseVersionRef } from "../../images/manifest.ts";
import type { CopyResult, MoveResult, RollbackResult } from "../api/schema/image.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { imageName, versionText, wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";

export interface RollbackParams {
  /** `web@3`. */
  readonly version: string;
  readonly discard: boolean;
}

export interface CopyParams {
  readonly from: string;
  readonly to: string;
  /** An image that has the name makes room. */
  readonly replace?: boolean;
}

export function rollbackHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const { version, discard } = job.params as unknown as RollbackParams;
      const { manifest, summary } = await services().store.rollback(wanted(parseVersionRef(version)), {
        discard,
        onProgress: progress,
        signal,
      });
      return {
        image: manifest.image,
        version: manifest.number,
        summary: { ...summary },
      } satisfies RollbackResult;
    },
  };
}

export function copyHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const params = job.params as unknown as CopyParams;
      const { from, to } = params;
      const { store, versions } = services();
      const options = { onProgress: progress, signal, replace: params.replace === true };
      const manifest = await store.copy(wanted(parseVersionRef(from)), imageName(to), options);
      versions.record(manifest);
      return {
        image: manifest.image,
        version: manifest.number,
        from: manifest.parent === undefined ? from : versionText({ ...manifest, ...manifest.parent }),
        files: manifest.totals.entries,
        bytes: manifest.totals.bytes,
      } satisfies CopyResult;
    },
  };
}

export function moveHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const params = job.params as unknown as CopyParams;
      const { store, versions, hosts } = services();
      const [from, to] = [imageName(params.from), imageName(params.to)];
      const options = { onProgress: progress, signal, replace: params.replace === true };
      const moved = await store.move(from, to, options);
      for (const manifest of moved) {
        versions.record(manifest);
      }
      const renamed = hosts
        .list()
        .flatMap((host) =>
          host.image?.image === from ? [{ ...host, image: { image: to, number: host.image.number } }] : [],
        );
      hosts.replace(renamed);
      return {
        from,
        to,
        versions: moved.map(({ number }) => number),
        nodes: renamed.map(({ name }) => name),
      } satisfies MoveResult;
    },
  };
}
