/** What an install runs and how it is judged: the master script for a node, and the comparison of what it wrote. */

import { planInstall } from "../../autoinstall/install/plan.ts";
import { renderScript } from "../../autoinstall/install/render.ts";
import {
  fileNames,
  type ScriptNode,
  scriptClasses,
  scriptVariables,
  stageListing,
} from "../../autoinstall/install/stage-scripts.ts";
import { formatDiagnostic } from "../../autoinstall/layout/diagnostic.ts";
import { adaptToFirmware, layoutFirmware } from "../../autoinstall/layout/firmware.ts";
import { type FstabEntry, installedEntries, makeable, mountPath } from "../../autoinstall/layout/model.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath, type RelPath } from "../../base/path-bytes.ts";
import { quoteWord } from "../../base/posix-quote.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import { formatVersion, type VersionId } from "../../images/manifest.ts";
import { type Overrides, overlaidReader } from "../../images/overlay/overlaid-reader.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { listCommand } from "../../images/sync/listing.ts";
import type { Install } from "../installs/install.ts";
import type { InstallPrograms, UploadedListing } from "../node/routes.ts";
import { compareWritten, type Verdict } from "../node/verify.ts";
import type { Services } from "../services.ts";
import {
  clearList,
  contentWithOverrides,
  listInstallOverrides,
  namedOverrides,
  overrideTree,
} from "./install-overrides.ts";
import { InstallableVersions } from "./installable-version.ts";
import { installableLayout } from "./layout.ts";

export function createInstallPrograms(services: () => Services): InstallPrograms {
  const versions = new InstallableVersions();
  return {
    script: async (install) => await masterScript(services(), install, versions),
    stage: async (install, stage) =>
      stageListing(
        await services().installFiles.scripts(stage),
        scriptClasses(scriptNode(services(), install)),
      ),
    variables: (install) =>
      scriptVariables(scriptNode(services(), install), new URL(services().clientUrl()).hostname),
    passphrase: async (install) => await passphraseFor(services(), scriptNode(services(), install)),
    overrides: async (install) => await listInstallOverrides(services(), install),
    overridesClear: async (install, over) =>
      await clearList(services(), install, namedOverrides(services(), install, over)),
    overridesTree: async (install, { over, ...options }) =>
      await overrideTree(services(), {
        install,
        overrides: namedOverrides(services(), install, over),
        ...options,
      }),
    verify: async (install, { over, ...written }) =>
      await verifyWritten(services().store, {
        overrides: namedOverrides(services(), install, over),
        version: install.version,
        firmware: firmwareOf(services(), install),
        written,
      }),
  };
}

/** Compares what an install of a version wrote with it. */
export async function verifyWritten(
  store: ImageStore,
  install: {
    readonly version: VersionId;
    /** What was laid over it. */
    readonly overrides?: Overrides;
    /** That of the machine; without it the layout's own. */
    readonly firmware: Firmware | undefined;
    readonly written: UploadedListing;
  },
): Promise<Verdict> {
  const { version, written } = install;
  const { layout: stated } = await installableLayout(store, version);
  const adapted = adaptToFirmware(stated, install.firmware ?? layoutFirmware(stated));
  const layout = adapted.ok ? adapted.value.layout : stated;
  const entries = installedEntries(layout).filter(({ filesystem }) => filesystem !== "swap");
  const vfat = entries.filter(({ filesystem }) => makeable(filesystem) === "vfat");
  return await compareWritten({
    ...written,
    mountPoints: entries.flatMap(mountFolder),
    loose: vfat.flatMap(mountFolder),
    version: overlaidReader(store, install.overrides).entries(version),
  });
}

/** As the machine itself told when it asked for its install. */
function firmwareOf(services: Services, install: Install): Firmware | undefined {
  const seen = services.hosts.get(install.node)?.seen?.firmware;
  return seen === "bios" || seen === "uefi" ? seen : undefined;
}

/** Below the node's root, as paths of a tree are. */
function mountFolder(entry: FstabEntry): readonly RelPath[] {
  const path = parseRelPath(mountPath(entry).slice(1));
  return path.ok ? [path.value] : [];
}

function scriptNode(services: Services, install: Install): ScriptNode {
  const groups = services.hosts.get(install.node)?.groups ?? [];
  return { name: install.node, groups, image: install.version.image };
}

/** The passphrase for a node's encrypted volumes. */
export async function passphraseFor(services: Services, node: ScriptNode): Promise<Uint8Array> {
  const found = await services.installFiles.passphrase(fileNames(node));
  if (found === undefined) {
    throw new AppError("not-found", `There is no passphrase for the encrypted volumes of ${node.name}`, {
      hint: `write one line into the state folder's luks/${node.name}, luks/${node.image} or luks/default, mode 0600`,
    });
  }
  return found;
}

/** A pinned script is told which node it is on: it may have been made for another one. */
function pinnedScript(text: string, install: Install): string {
  const [hostname = install.node, ...domain] = install.node.split(".");
  const [first = "", ...rest] = text.split("\n");
  const told = [
    `INGOT_HOSTNAME=${quoteWord(hostname)}`,
    `INGOT_DOMAIN=${quoteWord(domain.join("."))}`,
    `INGOT_IMAGE=${quoteWord(formatVersion(install.version))}`,
    ...(install.disks === undefined ? [] : [`INGOT_DISKS=${quoteWord(install.disks.join(" "))}`]),
    ...(install.wipe === true ? ["INGOT_WIPE=yes"] : []),
  ];
  return first.startsWith("#!") ? [first, ...told, ...rest].join("\n") : [...told, text].join("\n");
}

async function masterScript(
  services: Services,
  install: Install,
  versions: InstallableVersions,
): Promise<string> {
  const { store } = services;
  const pinned = await services.installFiles.pinned(fileNames(scriptNode(services, install)));
  if (pinned !== undefined) {
    services.log.info("Install by a pinned script", { node: install.node, script: pinned.name });
    services.installs.appendLog(install.id, `server: the master script is the pinned ${pinned.name}\n`);
    return pinnedScript(pinned.text, install);
  }
  const {
    manifest,
    layout,
    treeBytes,
    used: alone,
    signedLoader,
  } = await versions.get(store, install.version);
  const { used, growth } = await contentWithOverrides(services, install, alone);
  const firmware = firmwareOf(services, install);
  const [hostname = install.node, ...domain] = install.node.split(".");
  const plan = planInstall({
    layout,
    node: {
      hostname,
      ...(domain.length === 0 ? {} : { domain: domain.join(".") }),
      ...(install.disks === undefined ? {} : { disks: install.disks }),
      ...(install.wipe === true ? { wipe: true } : {}),
    },
    ...(firmware === undefined ? {} : { firmware }),
    image: {
      name: manifest.image,
      version: manifest.number,
      treeBytes,
      treeFiles: manifest.totals.entries,
      signedLoader,
    },
    used,
    growth,
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
