/**
 * A version's manifest on disk: a zstd skippable frame that holds the version's description as JSON, then zstd frames of
 * one line an entry, ended by a line that tells how many there are and the SHA-256 of all before it, description included.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { formatVersion, type Manifest, parseManifest, type VersionId } from "../manifest.ts";
import { readExactly, writeFully } from "./durable-file.ts";
import { EntryLineDecoder, EntryLineEncoder, type StoredEntry } from "./entry-line.ts";
import { startCompression, startDecompression } from "./zstd.ts";

const skippableMagic = 0x184d2a51;
const maxDescription = 16 * 1024 * 1024;
const maxLine = 16 * 1024 * 1024;
const manifestLevel = 9;

/** Writes and syncs a manifest as a new file. */
export async function writeManifest(
  file: string,
  content: {
    readonly manifest: Manifest;
    readonly entries: Iterable<StoredEntry>;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const description = Buffer.from(JSON.stringify(content.manifest), "utf8");
  const head = Buffer.alloc(8);
  head.writeUInt32LE(skippableMagic, 0);
  head.writeUInt32LE(description.length, 4);
  const hash = createHash("sha256").update(description);
  const { signal } = content;
  const compression = startCompression(linesOf(content.entries, hash), {
    level: manifestLevel,
    ...(signal === undefined ? {} : { signal }),
  });
  const handle = await open(file, "wx", 0o600);
  try {
    let position = 0;
    for (const part of [head, description]) {
      await writeFully(handle, part, { file, position });
      position += part.length;
    }
    for await (const chunk of compression.stdout) {
      await writeFully(handle, chunk, { file, position });
      position += chunk.length;
    }
    const exit = await compression.exit;
    if (exit.code !== 0) {
      throw new AppError("io", `Cannot compress the manifest: zstd said '${exit.stderr.trim()}'`);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* linesOf(
  entries: Iterable<StoredEntry>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  const encoder = new EntryLineEncoder();
  let text = "";
  let count = 0;
  for (const stored of entries) {
    text += encoder.encode(stored);
    count += 1;
    if (text.length > 262_144) {
      const bytes = Buffer.from(text, "latin1");
      hash.update(bytes);
      text = "";
      yield bytes;
    }
  }
  const rest = Buffer.from(text, "latin1");
  yield rest;
  yield Buffer.from(`.\t${count}\t${hash.update(rest).digest("hex")}\n`, "latin1");
}

/** Reads a version's description. */
export async function readManifest(file: string, version: VersionId): Promise<Manifest> {
  return (await readDescription(file, version)).manifest;
}

/** Reads a version's entries in path order, in batches. Anything that is not what was written is `corrupt`, at the latest at the end. */
export async function* readStoredEntries(
  file: string,
  options: { readonly version: VersionId; readonly signal?: AbortSignal },
): AsyncGenerator<readonly StoredEntry[]> {
  const { version, signal } = options;
  const { description, end } = await readDescription(file, version);
  const hash = createHash("sha256").update(description);
  const source = createReadStream(file, { start: end }) as AsyncIterable<Uint8Array>;
  const process = startDecompression(source, signal === undefined ? {} : { signal });
  const decoder = new EntryLineDecoder();
  let rest = "";
  let count = 0;
  let trailer: string | undefined;
  for await (const chunk of process.stdout) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
    const complete = text.lastIndexOf("\n") + 1;
    rest = text.slice(complete);
    if (rest.length > maxLine) {
      throw damaged(version, "a line of it does not end");
    }
    const batch: StoredEntry[] = [];
    let hashed = complete;
    for (let start = 0; start < complete; ) {
      const newline = text.indexOf("\n", start);
      const line = text.slice(start, newline);
      if (trailer !== undefined) {
        throw damaged(version, "it goes on after its end");
      }
      if (line.startsWith(".")) {
        trailer = line;
        hashed = start;
      } else {
        const stored = decoder.decode(line);
        if (!stored.ok) {
          throw damaged(version, stored.error);
        }
        batch.push(stored.value);
      }
      start = newline + 1;
    }
    hash.update(Buffer.from(text.slice(0, hashed), "latin1"));
    count += batch.length;
    if (batch.length > 0) {
      yield batch;
    }
  }
  const exit = await process.exit;
  if (exit.code !== 0) {
    throw damaged(version, `zstd said '${exit.stderr.trim()}'`);
  }
  if (rest !== "" || trailer !== `.\t${count}\t${hash.digest("hex")}`) {
    throw damaged(version, "its entries are not those that were written");
  }
}

async function readDescription(
  file: string,
  version: VersionId,
): Promise<{ readonly manifest: Manifest; readonly description: Uint8Array; readonly end: number }> {
  const handle = await open(file, "r").catch((error: unknown) => {
    throw error instanceof Error && "code" in error && error.code === "ENOENT"
      ? new AppError("not-found", `Version ${formatVersion(version)} does not exist`, { cause: error })
      : toAppError(error, "internal");
  });
  try {
    const head = await readExactly(handle, { position: 0, length: 8 });
    const length = head?.readUInt32LE(4) ?? 0;
    if (head?.readUInt32LE(0) !== skippableMagic || length > maxDescription) {
      throw damaged(version, "it does not begin with a description");
    }
    const description = await readExactly(handle, { position: 8, length });
    const manifest = description === undefined ? undefined : parseManifest(description.toString("utf8"));
    if (description === undefined || manifest === undefined || !manifest.ok) {
      throw damaged(version, manifest?.ok === false ? manifest.error : "it is too short");
    }
    if (manifest.value.image !== version.image || manifest.value.number !== version.number) {
      throw damaged(version, `it is that of ${formatVersion(manifest.value)}`);
    }
    return { manifest: manifest.value, description, end: 8 + length };
  } finally {
    await handle.close();
  }
}

function damaged(version: VersionId, problem: string): AppError {
  return new AppError("corrupt", `The manifest of ${formatVersion(version)} is damaged: ${problem}`, {
    hint: "Restore it from a backup of the state folder, or remove the version.",
    fields: { image: version.image, version: version.number },
  });
}
