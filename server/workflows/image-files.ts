/** Images out of files and directories of the server, and into files. */
import { machine as processor } from "node:os";
import { encodeLayout } from "../../autoinstall/layout/encode.ts";
import { layoutFromFacts } from "../../autoinstall/layout/from-facts.ts";
import { parseVersionRef } from "../../images/manifest.ts";
import type { ExportRequest, ExportResult, ImportResult } from "../api/schema/image-file.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { imageName, wanted } from "../routes/results.ts";
import type { Services } from "../services.ts";
import { machineSystem } from "./disk-machine.ts";
import { type DiskExport, exportDisk } from "./image-disk.ts";
import type { ExportParams, ImportParams } from "./image-file-params.ts";

export function importHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, message: tell }) => {
      const { image, source, message } = job.params as unknown as ImportParams;
      const { store, versions, flavors } = services();
      const notes: string[] = [];
      const { manifest } = await store.importImage(imageName(image), source, {
        message,
        layout: (facts) => {
          const { layout, diagnostics } = layoutFromFacts(facts);
          notes.push(...diagnostics.map((diagnostic) => diagnostic.message));
          return encodeLayout(layout);
        },
        machine: async () => machineSystem(await flavors.list(), processor()),
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
      const { from, file, replace, disk, container } = job.params as unknown as ExportParams;
      const { store } = services();
      const version = wanted(parseVersionRef(from));
      const options = { onProgress: progress, signal };
      const write = container === true ? store.exportContainer.bind(store) : store.exportTar.bind(store);
      const { manifest, bytes, notes } =
        disk === undefined
          ? { ...(await write(version, file, { replace, ...options })), notes: [] }
          : await exportDisk(store, diskRequest(disk, { version, file, replace }), options);
      return {
        image: manifest.image,
        version: manifest.number,
        file,
        bytes,
        notes: [...notes],
      } satisfies ExportResult;
    },
  };
}

function diskRequest(
  disk: NonNullable<ExportRequest["disk"]>,
  about: Pick<DiskExport, "version" | "file" | "replace">,
): DiskExport {
  const { format, bytes, firmware, hostname } = disk;
  return {
    ...about,
    format,
    bytes,
    ...(firmware === undefined ? {} : { firmware }),
    ...(hostname === undefined ? {} : { hostname }),
  };
}
