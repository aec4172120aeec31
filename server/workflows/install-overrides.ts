/** What an install lays over its version: the node's overrides as they are when it asks, and from then on those it names. */
import { concatBytes } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { pathToBytes } from "../../base/path-bytes.ts";
import { formatVersion, parseVersionRef, type VersionId } from "../../images/manifest.ts";
import { type Overrides, overlaidReader } from "../../images/overlay/overlaid-reader.ts";
import { disturbedBy, isIdentity, replacedBy } from "../../images/overlay/unpack.ts";
import { endOfArchive } from "../../images/tar/encode.ts";
import type { Install } from "../installs/install.ts";
import { overriddenNode, overridesFor } from "../overrides/for-node.ts";
import { overrideNames } from "../overrides/names.ts";
import type { Services } from "../services.ts";
import { treeBytesOf } from "./installable-version.ts";
import { type OverriddenContent, overriddenContent } from "./overridden-content.ts";

/** `all@4,web01@2`; empty where nothing lies over the version. */
export async function listInstallOverrides(services: Services, install: Install): Promise<string> {
  const node = overriddenNode(services, install.node);
  const { versions } = await overridesFor(services, node, install.version.image);
  return versions.map(formatVersion).join(",");
}

/** What the version holds with the node's overrides as they are now: what there must be room for. */
export async function contentWithOverrides(
  services: Services,
  install: Install,
  used: ReadonlyMap<string, number>,
): Promise<OverriddenContent> {
  const node = overriddenNode(services, install.node);
  const { overlays, versions } = await overridesFor(services, node, install.version.image);
  if (versions.length === 0) {
    return { used, growth: 0 };
  }
  const table = await services.store.table(install.version);
  const { tree } = await overlays.over(table, versions);
  let holes = 0;
  for (const version of versions) {
    const { totals } = await overlays.reader.resolve(version);
    holes += Math.max(0, totals.bytes - (await treeBytesOf(overlays.reader, version)));
  }
  return overriddenContent({ table, used }, { tree, holes });
}

/** Those that the machine names: they must be its own, for others' are not for its eyes. */
export function namedOverrides(services: Services, install: Install, over: string): Overrides {
  const names = new Set(overrideNames(overriddenNode(services, install.node), install.version.image));
  const versions = over.split(",").flatMap((text): readonly VersionId[] => {
    const ref = parseVersionRef(text);
    if (text === "") {
      return [];
    }
    if (!ref.ok || ref.value.number === undefined || !names.has(ref.value.image)) {
      throw new AppError("refused", `Override '${text.slice(0, 200)}' is not one of node ${install.node}`);
    }
    return [{ image: ref.value.image, number: ref.value.number }];
  });
  return { overlays: services.overrides.overlays, versions, names };
}

/** Paths that must go before the overrides are unpacked: `./PATH`, each ended by a NUL. */
export async function clearList(
  services: Services,
  install: Install,
  overrides: Overrides,
): Promise<Uint8Array> {
  const base = await services.store.table(install.version);
  const { tree } = await overrides.overlays.over(base, overrides.versions);
  const [before, end] = [new Uint8Array([0x2e, 0x2f]), new Uint8Array([0])];
  return concatBytes(replacedBy(base, tree).flatMap((path) => [before, pathToBytes(path), end]));
}

/** A tar of what the overrides lay, and of directories whose times that disturbs. They are found before it begins. */
export async function overrideTree(
  services: Services,
  request: {
    readonly install: Install;
    readonly overrides: Overrides;
    /** Only what is a machine's identity. */
    readonly identity: boolean;
    readonly signal: AbortSignal;
  },
): Promise<AsyncIterable<Uint8Array>> {
  const { overrides, install, identity, signal } = request;
  const base = await services.store.table(install.version);
  const laid = await overrides.overlays.over(base, overrides.versions);
  const parents = identity ? [] : disturbedBy(laid.table, laid.tree);
  async function* tar(): AsyncGenerator<Uint8Array> {
    const reader = overlaidReader(services.store, overrides);
    yield* reader.members(install.version, parents, { continues: true, signal });
    yield* overrides.overlays.members(laid, { signal, ...(identity ? { only: isIdentity } : {}) });
    yield endOfArchive;
  }
  return tar();
}
