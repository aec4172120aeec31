/** Writes a version as a tar file of its own, for whoever has no Ingot. */
import { AppError } from "../../base/errors.ts";
import { formatVersion, type Manifest, type VersionId } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { writeFully } from "./durable-file.ts";
import { openVersion, storedEntries } from "./open-version.ts";
import type { ExportOptions } from "./store.ts";
import { archiveOrder } from "./tree-order.ts";
import { versionMembers } from "./version-members.ts";
import { refuseExisting, writeWholeFile } from "./whole-file.ts";
import { startCompression } from "./zstd.ts";

/** Writes `file` (an absolute path) whole or not at all; returns its size. */
export async function exportTar(
  context: StoreContext,
  request: { readonly version: VersionId; readonly file: string },
  options: ExportOptions,
): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
  const { version, file } = request;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  if (/\.(?:gz|tgz|xz|txz|bz2|tbz2?|lz4|lzma|zip)$/i.test(file)) {
    throw new AppError("bad-input", `Cannot write ${file}: only .tar and .tar.zst are written`);
  }
  await refuseExisting(file, options.replace);
  const { manifest, paths } = await membersOf(context, version, signal);
  const tar = versionMembers(context, { ref: version, paths, ...signal });
  const running = file.endsWith(".zst")
    ? startCompression(tar, { level: context.level, ...signal })
    : undefined;
  const bytes = await writeWholeFile(file, async (handle) => {
    let position = 0;
    for await (const chunk of running?.stdout ?? tar) {
      await writeFully(handle, chunk, { file, position });
      position += chunk.length;
      options.onProgress?.({ phase: "export", bytes: position });
    }
    const exit = await running?.exit;
    if (exit !== undefined && exit.code !== 0) {
      throw new AppError("io", `Cannot compress ${file}: zstd said '${exit.stderr.trim()}'`);
    }
    return position;
  });
  context.log.info("Exported a version", { version: formatVersion(version), file, bytes });
  return { manifest, bytes };
}

/** A version's manifest, and its entries in the order of an archive. */
export async function membersOf(
  context: StoreContext,
  version: VersionId,
  signal: { readonly signal?: AbortSignal },
) {
  const opened = await openVersion(context, version);
  try {
    const stored = [];
    for await (const batch of storedEntries(opened, signal)) {
      stored.push(...batch);
    }
    const ordered = archiveOrder(stored, ({ entry }) => entry);
    return { manifest: opened.manifest, paths: ordered.map(({ entry }) => entry.path) };
  } finally {
    await opened.close();
  }
}
