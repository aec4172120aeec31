import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionId } from "../../images/manifest.ts";
import { flavorArch } from "../../netboot/flavor/flavor.ts";
import { isKernelFile, kernelVersionOf, type SystemKernel } from "../../netboot/flavor/kernel-files.ts";
import { newestKernel } from "../../netboot/flavor/kernel-version.ts";
import type { FlavorRequest } from "../api/schema/flavor.ts";
import type { JobHandler } from "../jobs/runner.ts";
import { flavorView } from "../routes/others.ts";
import { resolveVersion, versionId } from "../routes/results.ts";
import type { Services } from "../services.ts";

export function flavorHandler(services: () => Services): JobHandler {
  return {
    run: async ({ job, signal, progress, log }) => {
      const { name, arch = "amd64", image, kernelVersion } = job.params as FlavorRequest;
      const { store, flavors } = services();
      const version = image === undefined ? undefined : versionId(await resolveVersion(store, image));
      const kernel =
        version === undefined ? undefined : await kernelOf(services(), version, { kernelVersion, signal });
      return flavorView(
        await flavors.build(name, { arch: flavorArch(arch), onProgress: progress, signal, log, kernel }),
      );
    },
  };
}

/** The newest kernel of a version that has modules, or the one that was named. */
async function kernelOf(
  { store }: Services,
  version: VersionId,
  options: { readonly kernelVersion: string | undefined; readonly signal: AbortSignal },
): Promise<SystemKernel> {
  const paths: RelPath[] = [];
  for await (const entry of store.entries(version)) {
    if (entry.kind === "file" && /^(boot|lib\/modules|usr\/lib\/modules)\//.test(entry.path)) {
      paths.push(entry.path);
    }
  }
  const there = [...new Set(paths.map(kernelVersionOf).filter((found) => found !== undefined))];
  const chosen = options.kernelVersion ?? newestKernel(there);
  if (chosen === undefined || !there.includes(chosen)) {
    const what = options.kernelVersion === undefined ? "kernel" : `kernel ${options.kernelVersion}`;
    throw new AppError("not-found", `There is no ${what} in ${formatVersion(version)}`, {
      hint: there.length === 0 ? "build the flavor without --from-image" : `it has ${there.join(", ")}`,
    });
  }
  const files = paths.filter((path) => isKernelFile(path, chosen));
  return {
    of: formatVersion(version),
    version: chosen,
    archive: store.members(version, files, { signal: options.signal }),
  };
}
