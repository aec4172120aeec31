/** Requests to import and export images: the files are the server's own, named by absolute paths. */
import { isAbsolute } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { ImportSource } from "../../images/store/store.ts";
import { json, pathParam, type Route, readJson } from "../api/router.ts";
import { ExportRequest, ImportRequest } from "../api/schema/image-file.ts";
import type { JobSpec, Json } from "../jobs/job.ts";
import type { Services } from "../services.ts";
import type { ExportParams, ImportParams } from "../workflows/image-file-params.ts";
import { versionRef } from "./image-history.ts";
import { jobView } from "./jobs.ts";
import { imageName, versionText } from "./results.ts";

export function imageFileRoutes(services: Services): readonly Route[] {
  function started(spec: JobSpec): Response {
    return json({ jobs: services.jobs.submit([spec]).map(jobView) }, 202);
  }

  return [
    {
      method: "POST",
      path: "/api/images/{name}/import",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const request = await readJson(context, ImportRequest);
        const source = importSource(request);
        const from = source.kind === "folder" ? source.folder : source.file;
        mustBeAbsolute(from);
        const params: ImportParams = { image, source, message: request.message ?? `import of ${from}` };
        return started({
          kind: "import",
          title: `import ${from} as ${image}`,
          image,
          params: { ...params, source: { ...source } },
          resources: [`image:${image}`],
        });
      },
    },
    {
      method: "POST",
      path: "/api/images/{name}/export",
      access: "admin",
      handle: async (context) => {
        const image = imageName(pathParam(context, "name"));
        const { version, file, replace, disk, container } = await readJson(context, ExportRequest);
        mustBeAbsolute(file);
        if (disk !== undefined && container === true) {
          throw new AppError("bad-input", "An export is a disk or a container archive, not both");
        }
        const manifest = await services.store.resolve(versionRef(image, version));
        const from = versionText(manifest);
        const params: ExportParams & { readonly image: string; readonly version: number } = {
          from,
          file,
          replace: replace === true,
          ...(disk === undefined ? {} : { disk }),
          ...(container === true ? { container } : {}),
          image,
          version: manifest.number,
        };
        return started({
          kind: "export",
          title: `export ${from} to ${file}`,
          image,
          params: { ...params } as Json,
          resources: [],
        });
      },
    },
  ];
}

function importSource({ tar, folder, disk, container, reference }: ImportRequest): ImportSource {
  const given: readonly ImportSource[] = [
    ...(tar === undefined ? [] : [{ kind: "tar", file: tar } as const]),
    ...(folder === undefined ? [] : [{ kind: "folder", folder } as const]),
    ...(disk === undefined ? [] : [{ kind: "disk", file: disk } as const]),
    ...(container === undefined
      ? []
      : [{ kind: "container", file: container, ...(reference === undefined ? {} : { reference }) } as const]),
  ];
  const [source] = given;
  if (source === undefined || given.length > 1) {
    throw new AppError("bad-input", "An import wants one of tar, folder, disk and container");
  }
  return source;
}

function mustBeAbsolute(path: string): void {
  if (!isAbsolute(path) || path.includes("\0")) {
    throw new AppError("bad-input", `'${path}' is not an absolute path on the server`);
  }
}
