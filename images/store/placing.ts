/** Makes what stands finished in a work folder an image: its versions, then its tree. */
import { mkdir, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import type { ImageName } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { publishFile, syncFolder } from "./durable-file.ts";
import { finishIntent, type Placing, putOldAside, versionsIn, writeIntent } from "./interrupted.ts";
import { refuseMounts } from "./mounts.ts";
import { collectGarbage, publishFolder, whileOnlyPublisher } from "./publish.ts";
import { packPathOf, treePathOf, versionsPathOf } from "./store-paths.ts";

/** Makes the folder for manifests and tags in a work folder. */
export async function makeVersionsFolder(work: string): Promise<string> {
  await mkdir(versionsIn(work), { recursive: true });
  return versionsIn(work);
}

/**
 * Publishes `versions` (and `tree`, unless an image is moved) of the work folder as image `to`; the caller holds both images.
 * `missing` where a pack of `packs` was collected since it was looked up.
 */
export async function placeImage(
  context: StoreContext,
  request: Placing & {
    readonly work: string;
    readonly packs: readonly string[];
    readonly pack?: { readonly id: string; readonly file: string };
    readonly holder: string;
    readonly signal?: AbortSignal;
  },
): Promise<"published" | "missing"> {
  const { paths } = context;
  const { work, to, from, pack } = request;
  const replace = request.replace === true;
  const treeless =
    from !== undefined && (await stat(treePathOf(paths, from)).catch(() => undefined)) === undefined;
  await writeIntent(work, {
    to,
    ...(from === undefined ? {} : { from }),
    ...(replace ? { replace } : {}),
    ...(treeless ? { treeless } : {}),
  });
  await syncFolder(versionsIn(work));
  return whileOnlyPublisher(context, {
    holder: request.holder,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    work: async () => {
      for (const id of request.packs) {
        if (id !== pack?.id && (await stat(packPathOf(paths, id)).catch(() => undefined)) === undefined) {
          return "missing";
        }
      }
      await (replace
        ? refuseMounts(treePathOf(paths, to), `replace image ${to}`)
        : refuseExisting(context, to));
      await mkdir(paths.packs, { recursive: true });
      await mkdir(paths.versions, { recursive: true });
      await mkdir(paths.images, { recursive: true });
      if (pack !== undefined) {
        await publishFile(pack.file, packPathOf(paths, pack.id));
      }
      try {
        if (replace) {
          await putOldAside(paths, work, to);
        }
        await publishFolder(versionsIn(work), versionsPathOf(paths, to));
      } catch (error) {
        // An old image goes back into its place.
        await finishIntent(paths, work);
        throw error;
      }
      await finishIntent(paths, work);
      await collectGarbage(context);
      return "published";
    },
  });
}

/** Throws `conflict` where there is an image of this name, with a tree or with versions. */
export async function refuseExisting(context: StoreContext, image: ImageName): Promise<void> {
  for (const folder of [treePathOf(context.paths, image), versionsPathOf(context.paths, image)]) {
    if ((await stat(folder).catch(() => undefined)) !== undefined) {
      throw new AppError("conflict", `Image ${image} exists already`, {
        hint: "Choose another name, or remove it: ingot image remove.",
        fields: { image },
      });
    }
  }
}
