/** Removes an image: its versions and its tree go in one step, the room they took follows. */
import { rm } from "node:fs/promises";
import type { ImageName } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder } from "./durable-file.ts";
import { finishIntent, putOldAside, putOldBack, writeIntent } from "./interrupted.ts";
import { refuseMounts } from "./mounts.ts";
import { collectGarbage, whileOnlyPublisher } from "./publish.ts";
import { treePathOf } from "./store-paths.ts";

/** Removes an image; the caller holds it. Streams that are being read go on: their packs are open. */
export async function removeImage(
  context: StoreContext,
  image: ImageName,
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const { paths } = context;
  await refuseMounts(treePathOf(paths, image), `remove image ${image}`);
  const work = await makeWorkFolder(paths.temporary);
  try {
    await whileOnlyPublisher(context, {
      holder: `removal of ${image}`,
      ...options,
      work: async () => {
        await writeIntent(work, { remove: image });
        try {
          await putOldAside(paths, work, image);
          await finishIntent(paths, work);
        } catch (error) {
          await putOldBack(paths, work, image);
          throw error;
        }
        await collectGarbage(context);
      },
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
