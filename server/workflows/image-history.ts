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

/** Does the work with the old image of the name put aside; it comes back where the work fails, and goes where it does not. */
async function inPlaceOf<T>(
  services: Services,
  params: CopyParams & { readonly job: number },
  work: () => Promise<T>,
): Promise<T> {
  const { store } = services;
  const to = imageName(params.to);
  if (params.replace !== true || !(await store.list()).some(({ image }) => image === to)) {
    return await work();
  }
  const aside = imageName(`${params.to.slice(0, 100)}.replaced-${params.job}`);
  await store.move(to, aside);
  const result = await work().catch(async (error: unknown) => {
    await store.move(aside, to);
    throw error;
  });
  await store.remove(aside);
  return result;
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
      const options = { onProgress: progress, signal };
      const manifest = await inPlaceOf(services(), { ...params, job: job.id }, () =>
        store.copy(wanted(parseVersionRef(from)), imageName(to), options),
      );
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
      const options = { onProgress: progress, signal };
      const moved = await inPlaceOf(services(), { ...params, job: job.id }, () =>
        store.move(from, to, options),
      );
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
