/** Writes a version as a tar file of its own, for whoever has no Ingot. */
import { randomBytes } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { formatVersion, type Manifest, type VersionId } from "../manifest.ts";
import type { StoreContext } from "./context.ts";
import { syncFolder, writeFully } from "./durable-file.ts";
import { openVersion, storedEntries } from "./open-version.ts";
import type { ExportOptions } from "./store.ts";
import { archiveOrder } from "./tree-order.ts";
import { versionMembers } from "./version-members.ts";
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
  if (options.replace !== true && (await stat(file).catch(() => undefined)) !== undefined) {
    throw new AppError("conflict", `${file} exists already`, { hint: "Say --force to replace it." });
  }
  const { manifest, paths } = await membersOf(context, version, signal);
  const tar = versionMembers(context, { ref: version, paths, ...signal });
  const running = file.endsWith(".zst")
    ? startCompression(tar, { level: context.level, ...signal })
    : undefined;
  const unfinished = `${file}.${randomBytes(6).toString("hex")}.unfinished`;
  const handle = await open(unfinished, "wx", 0o600).catch((error: unknown) => {
    throw new AppError(
      "io",
      `Cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  });
  try {
    let position = 0;
    for await (const bytes of running?.stdout ?? tar) {
      await writeFully(handle, bytes, { file, position });
      position += bytes.length;
      options.onProgress?.({ phase: "export", bytes: position });
    }
    const exit = await running?.exit;
    if (exit !== undefined && exit.code !== 0) {
      throw new AppError("io", `Cannot compress ${file}: zstd said '${exit.stderr.trim()}'`);
    }
    await handle.sync();
    await handle.close();
    await rename(unfinished, file);
    await syncFolder(file.slice(0, file.lastIndexOf("/")) || "/");
    context.log.info("Exported a version", { version: formatVersion(version), file, bytes: position });
    return { manifest, bytes: position };
  } finally {
    await handle.close().catch(() => undefined);
    await rm(unfinished, { force: true });
  }
}

/** A version's manifest, and its entries in the order of an archive. */
export async function membersOf(
  context: StoreContext,
  version: VersionId,
  signal: { readonly signal?: AbortSignal },
) {
  const opened = await openVersion(context.paths, version);
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
