/** A version's disk layout: read from its tree, repaired, and checked for what an install needs. */
import { decodeLayout } from "../../autoinstall/layout/decode.ts";
import { type Diagnostic, formatDiagnostic, hasErrors } from "../../autoinstall/layout/diagnostic.ts";
import type { DiskLayout } from "../../autoinstall/layout/model.ts";
import { repairLayout } from "../../autoinstall/layout/repair.ts";
import { AppError } from "../../base/errors.ts";
import { parseRelPath } from "../../base/path-bytes.ts";
import { formatVersion, type VersionId } from "../../images/manifest.ts";
import type { ImageStore } from "../../images/store/store.ts";

/** Where the layout lies in an image's tree. */
export const layoutPath = "etc/systemimager/autoinstallscript.conf";
export const layoutLimit = 1024 * 1024;

export interface InstallableLayout {
  readonly layout: DiskLayout;
  /** What was repaired, one sentence each. */
  readonly notes: readonly string[];
}

/** The layout that installs of a version go by; `refused` where it cannot be installed, with every reason. */
export async function installableLayout(store: ImageStore, version: VersionId): Promise<InstallableLayout> {
  const where = `${layoutPath} of ${formatVersion(version)}`;
  const path = parseRelPath(layoutPath);
  if (!path.ok) {
    throw new AppError("internal", path.error);
  }
  const text = await readLayout(store, version, path.value);
  const { layout, diagnostics } = decodeLayout(text);
  if (layout === undefined) {
    throw refused(where, diagnostics);
  }
  const { layout: repaired, repairs, remaining } = repairLayout(layout);
  if (hasErrors(remaining)) {
    throw refused(where, remaining);
  }
  return { layout: repaired, notes: repairs.map((repair) => `${where}: ${repair.text}`) };
}

async function readLayout(
  store: ImageStore,
  version: VersionId,
  path: Parameters<ImageStore["readFile"]>[1],
): Promise<string> {
  try {
    return Buffer.from(await store.readFile(version, path, { limit: layoutLimit })).toString("latin1");
  } catch (error) {
    if (error instanceof AppError && error.code === "not-found") {
      throw new AppError(
        "refused",
        `Version ${formatVersion(version)} has no disk layout: ${layoutPath} is missing`,
        {
          hint: "run si_prepareclient on the golden client and capture again, or write the file into the image and commit",
          cause: error,
        },
      );
    }
    throw error;
  }
}

function refused(where: string, diagnostics: readonly Diagnostic[]): AppError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return new AppError(
    "refused",
    `The disk layout cannot be installed:\n${errors.map((error) => formatDiagnostic(error, where)).join("\n")}`,
    { hint: "correct the file in the image's tree and commit; ingot layout check shows the same" },
  );
}
