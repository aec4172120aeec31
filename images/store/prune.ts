/** Removes old versions, and the packs that nothing names any more. */
import { rm, stat } from "node:fs/promises";
import type { ImageName, VersionId } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { syncFolder } from "./durable-file.ts";
import { readManifest } from "./manifest-file.ts";
import { versionNumbers } from "./open-version.ts";
import { collectGarbage, namedPacks, whileOnlyPublisher } from "./publish.ts";
import type { PruneOptions, PruneResult } from "./store.ts";
import { manifestPathOf, packPathOf, versionsPathOf } from "./store-paths.ts";
import { readTags, type Tags } from "./tag-file.ts";

/** Prunes; the caller holds the image. Streams that are being read go on: their packs are open. */
export async function pruneImage(
  context: StoreContext,
  image: ImageName,
  options: PruneOptions,
): Promise<PruneResult> {
  const { paths } = context;
  return whileOnlyPublisher(context, {
    holder: `pruning of ${image}`,
    work: async () => {
      const numbers = await versionNumbers(paths, image);
      const chosen = choose(numbers, { image, tags: await readTags(paths, image), ...options });
      const removed = chosen.remove.map((number): VersionId => ({ image, number }));
      if (options.dryRun === true) {
        return { removed, kept: chosen.kept, packBytes: await freedBytes(context, removed) };
      }
      for (const id of removed) {
        await rm(manifestPathOf(paths, id), { force: true });
      }
      if (removed.length > 0) {
        await syncFolder(versionsPathOf(paths, image));
      }
      const { bytes } = await collectGarbage(context);
      return { removed, kept: chosen.kept, packBytes: bytes };
    },
  });
}

/** Which versions go, oldest first, and why an old one stays. */
export function choose(
  numbers: readonly number[],
  rules: {
    readonly image: ImageName;
    readonly tags: Tags;
    readonly keep: number;
    readonly inUse: (version: VersionId) => string | undefined;
  },
): { readonly remove: readonly number[]; readonly kept: PruneResult["kept"] } {
  const remove: number[] = [];
  const kept: { readonly version: VersionId; readonly reason: string }[] = [];
  for (const number of numbers.slice(0, Math.max(0, numbers.length - Math.max(1, rules.keep)))) {
    const version = { image: rules.image, number };
    const tags = [...rules.tags].filter(([, tagged]) => tagged === number).map(([tag]) => tag);
    const reason = tags.length > 0 ? `tagged ${tags.join(", ")}` : rules.inUse(version);
    if (reason === undefined) {
      remove.push(number);
    } else {
      kept.push({ version, reason });
    }
  }
  return { remove, kept };
}

async function freedBytes(context: StoreContext, removed: readonly VersionId[]): Promise<number> {
  const left = await namedPacks(context, removed);
  const gone = new Set<string>();
  for (const id of removed) {
    for (const pack of (await readManifest(manifestPathOf(context.paths, id), id)).packs) {
      if (left !== undefined && !left.has(pack)) {
        gone.add(pack);
      }
    }
  }
  let bytes = 0;
  for (const pack of gone) {
    bytes += (await stat(packPathOf(context.paths, pack)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}
