/** Writes a version as an OCI archive: one layer, gzip-compressed, and what describes it, also in the words of `docker load`. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { arch } from "node:os";
import { AppError } from "../../base/errors.ts";
import { baseName, escapePath, type RelPath } from "../../base/path-bytes.ts";
import { startProcess } from "../../base/process.ts";
import { formatVersion, type Manifest, type VersionId } from "../manifest.ts";
import type { StoreContext } from "../store/context.ts";
import { writeFully } from "../store/durable-file.ts";
import { membersOf } from "../store/export-tar.ts";
import type { ExportOptions } from "../store/store.ts";
import { versionMembers } from "../store/version-members.ts";
import { refuseExisting, writeWholeFile } from "../store/whole-file.ts";
import { encodeMember, endOfArchive, memberPadding } from "../tar/encode.ts";
import { describeContainer, type LayerFacts, layerHeadBytes, layerMember } from "./describe.ts";
import { architectureOf } from "./formats.ts";

/** Writes `file` (an absolute path) whole or not at all; returns its size. */
export async function exportContainer(
  context: StoreContext,
  request: { readonly version: VersionId; readonly file: string },
  options: ExportOptions,
): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
  const { version, file } = request;
  await refuseExisting(file, options.replace);
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const { manifest, paths } = await membersOf(context, version, signal);
  refuseWhiteouts(paths, version);
  const bytes = await writeWholeFile(file, async (handle) => {
    const tar = versionMembers(context, { ref: version, paths, ...signal });
    // The layer's name and size are known at its end: its header is written over this gap then.
    const layer = await writeLayer(handle, { tar, file, options });
    const append = appender(handle, { file, position: layerHeadBytes + layer.bytes });
    await append(memberPadding(layer.bytes));
    const architecture = architectureOf(manifest.source.machine ?? (arch() === "x64" ? "amd64" : arch()));
    for (const { name, bytes: content } of describeContainer(manifest, { layer, architecture, sha256 })) {
      await append(encodeMember({ ...layerMember(name, content.length), extended: [] }));
      await append(content);
      await append(memberPadding(content.length));
    }
    const end = await append(endOfArchive);
    const head = encodeMember(layerMember(`blobs/sha256/${layer.digest}`, layer.bytes));
    await writeFully(handle, head, { file, position: 0 });
    return end;
  });
  context.log.info("Exported a version", { version: formatVersion(version), file, bytes });
  return { manifest, bytes };
}

/** In a layer, such a name means that another one is not there. */
function refuseWhiteouts(paths: readonly RelPath[], version: VersionId): void {
  const whiteout = paths.find((path) => baseName(path).startsWith(".wh."));
  if (whiteout !== undefined) {
    throw new AppError(
      "refused",
      `${formatVersion(version)} cannot be a container: '${escapePath(whiteout)}' has a name that means a removed file there`,
    );
  }
}

async function writeLayer(
  handle: FileHandle,
  task: { readonly tar: AsyncIterable<Uint8Array>; readonly file: string; readonly options: ExportOptions },
): Promise<LayerFacts> {
  const { file, options } = task;
  const [plain, compressed] = [createHash("sha256"), createHash("sha256")];
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const bytes of task.tar) {
      plain.update(bytes);
      yield bytes;
    }
  }
  const running = startProcess(["gzip", "-n", "-c"], {
    stdin: hashed(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let length = 0;
  for await (const bytes of running.stdout) {
    compressed.update(bytes);
    await writeFully(handle, bytes, { file, position: layerHeadBytes + length });
    length += bytes.length;
    options.onProgress?.({ phase: "export", bytes: length });
  }
  const { code, stderr } = await running.exit;
  if (code !== 0) {
    throw new AppError("io", `Cannot compress ${file}: gzip said '${stderr.trim()}'`);
  }
  return { bytes: length, digest: compressed.digest("hex"), plainDigest: plain.digest("hex") };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function appender(handle: FileHandle, at: { readonly file: string; readonly position: number }) {
  let { position } = at;
  return async (bytes: Uint8Array): Promise<number> => {
    await writeFully(handle, bytes, { file: at.file, position });
    position += bytes.length;
    return position;
  };
}
