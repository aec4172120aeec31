/** Images out of files and directories of the server, and into files. */
import { encodeLayout } from "../../autoinstall/layout/encode.ts";
import { layoutFromFacts } from "../../autoinstall/layout/from-facts.ts";
import { parseVersionRef } from "../../images/manifest.ts";
import type { ImportSource } from "../../images/store/store.ts";
import type { ExportResult, ImportResult } from "../api/schema.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { imageName, wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";

export interface ImportParams {
  readonly image: string;
  readonly source: ImportSource;
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
    run: async ({ job, signal, progress, message: tell }) => {
      const { image, source, message } = job.params as unknown as ImportParams;
      const { store, versions } = services();
      const notes: string[] = [];
      const { manifest } = await store.importImage(imageName(image), source, {
        message,
        layout: (facts) => {
          const { layout, diagnostics } = layoutFromFacts(facts);
          notes.push(...diagnostics.map((diagnostic) => diagnostic.message));
          return encodeLayout(layout);
        },
        onNote: (note) => notes.push(note),
        onProgress: progress,
        signal,
      });
      versions.record(manifest);
      for (const note of notes) {
        tell("warn", note);
      }
      return {
        image,
        version: manifest.number,
        files: manifest.totals.entries,
        bytes: manifest.totals.bytes,
        notes,
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
