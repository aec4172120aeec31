/** Changing an image's tags. */
import { rm } from "node:fs/promises";
import type { ImageName } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { makeWorkFolder, publishFile, writeNewFile } from "./durable-file.ts";
import { whileOnlyPublisher } from "./publish.ts";
import { tagsPathOf } from "./store-paths.ts";
import { readTags, type Tags } from "./tag-file.ts";

/** Changes an image's tags; `change` is called while nobody else changes the store, and may refuse. */
export async function changeTags(
  context: StoreContext,
  image: ImageName,
  change: (tags: Tags) => Tags | Promise<Tags>,
): Promise<void> {
  const work = await makeWorkFolder(context.paths.temporary);
  try {
    await whileOnlyPublisher(context, {
      holder: `tagging of ${image}`,
      work: async () => {
        const tags = await change(await readTags(context.paths, image));
        const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
        const file = `${work}/tags`;
        await writeNewFile(file, Buffer.from(`${JSON.stringify(Object.fromEntries(sorted))}\n`, "utf8"));
        await publishFile(file, tagsPathOf(context.paths, image));
      },
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
