/** What installs need to know of a version: its layout, how large it is, and how much of it comes to lie in which filesystem. */
import { isSignedLoader } from "../../autoinstall/install/signed-loader.ts";
import { ContentMeter } from "../../autoinstall/layout/content.ts";
import { type DiskLayout, installedEntries, mountPath } from "../../autoinstall/layout/model.ts";
import type { Manifest, VersionId } from "../../images/manifest.ts";
import type { ImageStore, VersionReader } from "../../images/store/store.ts";
import { installableLayout } from "./layout.ts";

export interface InstallableVersion {
  readonly manifest: Manifest;
  readonly layout: DiskLayout;
  /** What was repaired in the layout, one sentence each. */
  readonly notes: readonly string[];
  /**
   * Bytes of the version as a tar, in which holes take no room: what comes over the wire and, near enough, what the tree takes on
   * a disk. (The sizes of its files may add up to far more: /var/log/lastlog is nearly all hole.)
   */
  readonly treeBytes: number;
  /** Bytes by mount point, at least. */
  readonly used: ReadonlyMap<string, number>;
  /** Whether a machine with Secure Boot on could start it. */
  readonly signedLoader: boolean;
}

/** Bytes of a version as a tar, in which holes take no room. */
export async function treeBytesOf(
  store: Pick<VersionReader, "versionStream">,
  version: VersionId,
): Promise<number> {
  const { bytes, stream } = await store.versionStream(version);
  await stream[Symbol.asyncIterator]().return?.(undefined);
  return bytes;
}

/** Reads it all from the store; `refused` where the version has no layout to install by. */
export async function readInstallableVersion(
  store: ImageStore,
  version: VersionId,
): Promise<InstallableVersion> {
  const manifest = await store.resolve(version);
  const { layout, notes } = await installableLayout(store, version);
  const treeBytes = await treeBytesOf(store, version);
  const mountPoints = installedEntries(layout)
    .filter(({ filesystem }) => filesystem !== "swap")
    .map(mountPath);
  const meter = new ContentMeter(mountPoints);
  let signedLoader = false;
  for await (const entry of store.entries(version)) {
    meter.add(entry);
    signedLoader ||= isSignedLoader(entry.path);
  }
  const used = meter.least(Math.max(0, manifest.totals.bytes - treeBytes));
  return { manifest, layout, notes, treeBytes, used, signedLoader };
}

/** Versions in use at once are few; this only bounds what a daemon that runs for years keeps. */
const rememberedVersions = 16;

/** Reads each version once, though five hundred nodes ask for its install at the same time. */
export class InstallableVersions {
  readonly #known = new Map<string, Promise<InstallableVersion>>();

  async get(store: ImageStore, version: VersionId): Promise<InstallableVersion> {
    // An image that was removed and captured again has the same numbers, and other packs.
    const { created, packs } = await store.resolve(version);
    const key = JSON.stringify([version.image, version.number, created, packs]);
    const known = this.#known.get(key) ?? readInstallableVersion(store, version);
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > rememberedVersions) {
      this.#known.delete(oldest);
    }
    known.catch(() => this.#known.delete(key));
    return await known;
  }
}
