/** Committing a changed tree, and verifying what is stored. */
import { AppError } from "../../base/errors.ts";
import { escapePath } from "../../base/path-bytes.ts";
import { removeServicesOff } from "../../images/chroot/services-off.ts";
import { formatVersion, type ImageName } from "../../images/manifest.ts";
import type { CommitResult, VerifyResult } from "../api/schema/image.ts";
import type { JobHandler } from "../jobs/runner.ts";
import type { Services } from "../services.ts";

export interface CommitParams {
  readonly image: string;
  readonly message: string;
}

export interface VerifyParams {
  readonly image: string;
  /** The newest, where all are read. */
  readonly version: number;
  readonly all?: boolean;
}

export function commitHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const { image, message } = job.params as unknown as CommitParams;
      const { store } = services();
      const name = image as ImageName;
      const lock = await store.lock(name, { holder: "a commit" });
      const result = await (async () => {
        // Of a chroot whose server lost power meanwhile, this is left in the tree.
        await removeServicesOff(store.treePath(name));
        return await store.commit(name, { message, onProgress: progress, signal, lock });
      })().finally(() => lock.release());
      services().versions.record(result.manifest);
      return {
        image,
        version: result.manifest.number,
        changed: result.created,
        files: result.manifest.totals.entries,
        bytes: result.manifest.totals.bytes,
        notes: result.created ? [] : ["nothing had changed: no new version was made"],
      } satisfies CommitResult;
    },
  };
}

const listedProblems = 1000;

export function verifyHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, message }) => {
      const { image, version, all } = job.params as unknown as VerifyParams;
      const report = await services().store.verify(
        { image: image as ImageName, ...(all === true ? {} : { number: version }) },
        { onProgress: progress, signal },
      );
      const problems = report.damage.map((damage) => {
        const path = damage.path === undefined ? (damage.pack ?? "") : `/${escapePath(damage.path)}`;
        return `${formatVersion(damage.version)} ${path}: ${damage.problem}`;
      });
      for (const problem of problems.slice(0, listedProblems)) {
        message("error", problem);
      }
      if (problems.length > 0) {
        throw new AppError(
          "corrupt",
          `${all === true ? `Image ${image}` : `Version ${image}@${version}`} is damaged in ${problems.length} places: ${problems[0]}`,
          {
            hint: "the job's events name every place; capture or import the image again",
          },
        );
      }
      return {
        image,
        version,
        versions: report.versions.map(({ number }) => number),
        files: report.entries,
        bytes: report.bytes,
        problems: [],
      } satisfies VerifyResult;
    },
  };
}
