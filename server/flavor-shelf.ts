import { join } from "node:path";
import { AppError } from "../base/errors.ts";
import type { Clock } from "../base/ports.ts";
import { buildFlavor } from "../netboot/flavor/build.ts";
import { type FlavorArch, type FlavorInfo, flavorFiles } from "../netboot/flavor/flavor.ts";
import { listFlavors, removeFlavor } from "../netboot/flavor/flavor-folder.ts";
import type { PackageSource } from "../netboot/flavor/package-source.ts";
import type { FlavorShelf } from "./services.ts";

export interface FlavorShelfOptions {
  /** The state folder's `flavors`. */
  readonly folder: string;
  readonly workFolder: string;
  readonly clock: Clock;
  readonly packages: (arch: FlavorArch) => Promise<PackageSource>;
}

/** Flavors on disk, with their descriptions held in memory: a boot reads no folder to know what there is. */
export async function openFlavorShelf(options: FlavorShelfOptions): Promise<FlavorShelf> {
  let known = new Map<string, FlavorInfo>();
  async function refresh(): Promise<readonly FlavorInfo[]> {
    const list = await listFlavors(options.folder);
    known = new Map(list.map((flavor) => [flavor.name, flavor]));
    return list;
  }
  await refresh();
  return {
    list: refresh,
    has: (name) => known.has(name),
    get: (name) => known.get(name),
    loaders: () => [...known.values()].flatMap(({ loaders = [] }) => loaders),
    loaderFolders: () =>
      [...known.values()]
        .filter(({ loaders }) => loaders !== undefined)
        .map(({ name }) => join(options.folder, name, flavorFiles.loaders)),
    async build(name, { arch, onProgress, signal, log, kernel }) {
      const flavor = await buildFlavor({
        name,
        arch,
        outDir: options.folder,
        workDir: join(options.workFolder, "flavor"),
        source: await options.packages(arch),
        ...(kernel === undefined ? {} : { systemKernel: kernel }),
        clock: options.clock,
        onProgress,
        signal,
        log,
      });
      await refresh();
      return flavor;
    },
    async remove(name) {
      const removed = await removeFlavor(options.folder, name);
      await refresh();
      if (!removed) {
        throw new AppError("not-found", `Flavor ${name} does not exist`, {
          hint: "ingot flavor list shows all flavors",
        });
      }
    },
  };
}
