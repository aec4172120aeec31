/** A version as a disk that boots: the master script of an install, carried out on the server. */
import { planInstall } from "../../autoinstall/install/plan.ts";
import { renderScript } from "../../autoinstall/install/render.ts";
import { formatDiagnostic } from "../../autoinstall/layout/diagnostic.ts";
import { AppError } from "../../base/errors.ts";
import type { ProgressSink } from "../../base/ports.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import { makeDisk } from "../../images/disk/make-disk.ts";
import { formatVersion, type Manifest, type VersionRef } from "../../images/manifest.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { listCommand } from "../../images/sync/listing.ts";
import { verifyWritten } from "./install-programs.ts";
import { readInstallableVersion } from "./installable-version.ts";

export interface DiskExport {
  readonly version: VersionRef;
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly bytes: number;
  readonly replace: boolean;
  /** The layout's own where it is left out. */
  readonly firmware?: Firmware;
  /** The image's name where it is left out. */
  readonly hostname?: string;
}

/** Writes the disk; returns the size of its file, and what was repaired in the layout for it. */
export async function exportDisk(
  store: ImageStore,
  request: DiskExport,
  options: { readonly onProgress: ProgressSink; readonly signal: AbortSignal },
): Promise<{ readonly manifest: Manifest; readonly bytes: number; readonly notes: readonly string[] }> {
  const { file, format, replace } = request;
  const { image, number } = await store.resolve(request.version);
  const version = { image, number };
  const { manifest, layout, notes, treeBytes, used } = await readInstallableVersion(store, version);
  const [disk] = layout.disks;
  if (disk === undefined || layout.disks.length !== 1) {
    throw new AppError(
      "refused",
      `${formatVersion(version)} cannot be written to one disk: its layout has ${layout.disks.length}`,
      { hint: "Deploy it to a machine with that many disks, or give the image a layout with one." },
    );
  }
  const hostname = request.hostname ?? manifest.image.replace(/[^A-Za-z0-9-]/g, "-");
  const plan = planInstall({
    layout,
    node: { hostname },
    ...(request.firmware === undefined ? {} : { firmware: request.firmware }),
    image: {
      name: manifest.image,
      version: manifest.number,
      treeBytes,
      treeFiles: manifest.totals.entries,
    },
    used,
    listCommand,
  });
  if (!plan.ok) {
    const reasons = plan.error.map((diagnostic) => formatDiagnostic(diagnostic)).join("\n");
    throw new AppError("refused", `${formatVersion(version)} cannot be written to a disk:\n${reasons}`);
  }
  const { stream } = await store.versionStream(version, { signal: options.signal });
  const made = await makeDisk({
    file,
    format,
    bytes: request.bytes,
    replace,
    script: renderScript(plan.value.steps, { image: formatVersion(version), node: hostname }),
    diskName: disk.device,
    tree: stream,
    verify: async (written) =>
      (await verifyWritten(store, { version, firmware: request.firmware, written })).differences,
    ...options,
  });
  return { manifest, bytes: made.bytes, notes };
}
