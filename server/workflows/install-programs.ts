/** What an install runs and how it is judged: the master script for a node, and the comparison of what it wrote. */

import { planInstall } from "../../autoinstall/install/plan.ts";
import { renderScript } from "../../autoinstall/install/render.ts";
import { formatDiagnostic } from "../../autoinstall/layout/diagnostic.ts";
import { installedEntries, makeable, mountPath } from "../../autoinstall/layout/model.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionId } from "../../images/manifest.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { listCommand } from "../../images/sync/listing.ts";
import type { Install } from "../installs/install.ts";
import type { InstallPrograms } from "../node/routes.ts";
import { compareWritten } from "../node/verify.ts";
import type { Services } from "../services.ts";
import { installableLayout } from "./layout.ts";

export function createInstallPrograms(services: () => Services): InstallPrograms {
  return {
    script: async (install) => await masterScript(services(), install),
    verify: async (install, written) => {
      const { store } = services();
      const { layout } = await installableLayout(store, install.version);
      const loose = installedEntries(layout)
        .filter((entry) => makeable(entry.filesystem) === "vfat")
        .flatMap((entry) => {
          const path = parseRelPath(mountPath(entry).slice(1));
          return path.ok ? [path.value] : [];
        });
      return await compareWritten({ ...written, loose, version: store.entries(install.version) });
    },
  };
}

/**
 * Bytes of the version as a tar, in which holes take no room: what comes over the wire and, near enough, what the tree takes on
 * a disk. (The sizes of its files may add up to far more: /var/log/lastlog is nearly all hole.)
 */
async function tarBytes(store: ImageStore, version: VersionId): Promise<number> {
  const { bytes, stream } = await store.versionStream(version);
  await stream[Symbol.asyncIterator]().return?.(undefined);
  return bytes;
}

async function masterScript(services: Services, install: Install): Promise<string> {
  const { store, hosts } = services;
  const host = hosts.get(install.node);
  const manifest = await store.resolve(install.version);
  const { layout } = await installableLayout(store, install.version);
  const seen = host?.seen?.firmware;
  const [hostname = install.node, ...domain] = install.node.split(".");
  const plan = planInstall({
    layout,
    node: { hostname, ...(domain.length === 0 ? {} : { domain: domain.join(".") }) },
    ...(seen === "bios" || seen === "uefi" ? { firmware: seen } : {}),
    image: {
      name: manifest.image,
      version: manifest.number,
      treeBytes: await tarBytes(store, install.version),
      treeFiles: manifest.totals.entries,
    },
    listCommand,
  });
  if (!plan.ok) {
    const reasons = plan.error.map((diagnostic) => formatDiagnostic(diagnostic)).join("\n");
    throw new AppError(
      "refused",
      `${formatVersion(install.version)} cannot be installed on ${install.node}:\n${reasons}`,
    );
  }
  return renderScript(plan.value.steps, { image: formatVersion(install.version), node: install.node });
}
