/** Images out of files and directories of the server, and into files. */
import { parseVersionRef } from "../../images/manifest.ts";
import type { ExportResult, ImportResult } from "../api/schema.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { imageName, wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";

export interface ImportParams {
  readonly image: string;
  readonly tar?: string;
  readonly folder?: string;
  readonly message: string;
}

export interface ExportParams {
  /** `web@3`. */
  readonly from: string;
  readonly file: string;
  readonly replace: boolean;
}

export function importHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const { image, tar, folder, message } = job.params as unknown as ImportParams;
      const { store, versions } = services();
      const { manifest } = await store.importImage(
        imageName(image),
        tar === undefined ? { kind: "folder", folder: folder ?? "" } : { kind: "tar", file: tar },
        { message, onProgress: progress, signal },
      );
      versions.record(manifest);
      return {
        image,
        version: manifest.number,
        files: manifest.totals.entries,
        bytes: manifest.totals.bytes,
      } satisfies ImportResult;
    },
  };
}

export function exportHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress }) => {
      const { from, file, replace } = job.params as unknown as ExportParams;
      const { manifest, bytes } = await services().store.exportTar(wanted(parseVersionRef(from)), file, {
        replace,
        onProgress: progress,
        signal,
      });
      return { image: manifest.image, version: manifest.number, file, bytes } satisfies ExportResult;
    },
  };
}
