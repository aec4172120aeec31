/**
 * Override trees, `overrides/NAME` in the state folder, and their versions: whoever lays one over an image lays a version of it, made when
 * it is wanted and something has changed, so that an administrator may go on editing the tree.
 */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, toAppError } from "../../base/errors.ts";
import type { Clock, Log } from "../../base/ports.ts";
import { type ImageName, parseImageName, type VersionId } from "../../images/manifest.ts";
import { Overlays } from "../../images/overlay/overlays.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import type { OverrideShelf, OverrideSummary } from "../services.ts";

/** Versions that stay, for updates and installs that are under way. */
const keptVersions = 16;

export function openOverrideShelf(
  state: string,
  options: { readonly clock: Clock; readonly log: Log },
): OverrideShelf {
  const folder = join(state, "overrides");
  const store = new DirectoryStore({ ...options, state: join(state, "override-versions"), images: folder });
  /** By name: the last that was asked for, and the one of them that has not begun yet. */
  const last = new Map<ImageName, Promise<VersionId>>();
  const waiting = new Map<ImageName, Promise<VersionId>>();

  /** A version of the tree as it is at some time after the call. Those who ask while one is made wait for the next together. */
  function freeze(name: ImageName): Promise<VersionId> {
    const shared = waiting.get(name);
    if (shared !== undefined) {
      return shared;
    }
    const made = Promise.resolve(last.get(name))
      .catch(() => undefined)
      .then(() => {
        waiting.delete(name);
        return commit(name);
      });
    waiting.set(name, made);
    last.set(name, made);
    return made;
  }

  async function commit(name: ImageName): Promise<VersionId> {
    try {
      const { manifest, created } = await store.commit(name, { message: "as it was laid" });
      if (created && manifest.number > keptVersions) {
        await store.prune(name, { keep: keptVersions, inUse: () => undefined });
      }
      return { image: name, number: manifest.number };
    } catch (error) {
      const { code, message, details } = toAppError(error, "io");
      throw new AppError(code, `Override ${name} cannot be read: ${message}`, { ...details, cause: error });
    }
  }

  return {
    overlays: new Overlays(store),
    list: async () => {
      const summaries: OverrideSummary[] = [];
      for (const name of await namesIn(folder)) {
        const { totals, created } = await store.resolve(await freeze(name));
        // The top folder is not part of what is laid.
        summaries.push({ name, entries: totals.entries - 1, bytes: totals.bytes, changed: created });
      }
      return summaries;
    },
    freeze: async (names) => {
      const present = new Set(await namesIn(folder));
      return await Promise.all(names.filter((name) => present.has(name)).map(freeze));
    },
    remove: async (name) => {
      if (!(await namesIn(folder)).includes(name)) {
        throw new AppError("not-found", `There is no override '${name}'`, {
          hint: "'ingot override list' shows what there is.",
        });
      }
      await store.remove(name);
    },
  };
}

/** Folders whose names can be laid; what else lies there is no override. */
async function namesIn(folder: string): Promise<readonly ImageName[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw toAppError(error, "io");
  });
  const found: ImageName[] = [];
  for (const name of names.sort()) {
    const parsed = parseImageName(name);
    if (parsed.ok && (await lstat(join(folder, name))).isDirectory()) {
      found.push(parsed.value);
    }
  }
  return found;
}
