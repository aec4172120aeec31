/** A published pack, open for reading: an open pack stays readable though it be removed meanwhile. */
import { type FileHandle, open } from "node:fs/promises";
import { AppError, toAppError } from "../../base/errors.ts";
import { readExactly } from "./durable-file.ts";
import { decodePackIndex, indexFooterBytes, indexLength, type PackIndex } from "./pack-index.ts";
import type { PackIndexes } from "./pack-indexes.ts";

export interface PackFile {
  readonly id: string;
  readonly file: string;
  readonly bytes: number;
  readonly index: PackIndex;
  readonly handle: FileHandle;
}

/** Opens a pack and reads its index, unless it is known. A pack that is missing, cut short or contradicts itself is `corrupt`. */
async function openPack(id: string, file: string, known: PackIndexes): Promise<PackFile> {
  const handle = await openOrCorrupt(id, file);
  try {
    const stats = await handle.stat({ bigint: true });
    const bytes = Number(stats.size);
    const shared = known.get(stats);
    const index = shared ?? (await readIndex(handle, bytes));
    if (typeof index === "string") {
      throw new AppError("corrupt", `Pack ${id} is damaged: ${index}`, { fields: { pack: id } });
    }
    if (shared === undefined) {
      known.add(stats, index);
    }
    return { id, file, bytes, index, handle };
  } catch (error) {
    await handle.close();
    throw toAppError(error, "internal");
  }
}

/** Opens several; closes all again where one fails. */
export async function openPacks(
  ids: readonly string[],
  where: { readonly fileOf: (id: string) => string; readonly indexes: PackIndexes },
): Promise<readonly PackFile[]> {
  const packs: PackFile[] = [];
  try {
    for (const id of ids) {
      packs.push(await openPack(id, where.fileOf(id), where.indexes));
    }
    return packs;
  } catch (error) {
    await closePacks(packs);
    throw error;
  }
}

export async function closePacks(packs: readonly PackFile[]): Promise<void> {
  await Promise.all(packs.map((pack) => pack.handle.close()));
}

async function openOrCorrupt(id: string, file: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new AppError("corrupt", `Pack ${id} is missing`, { cause: error, fields: { pack: id } });
    }
    throw toAppError(error, "internal");
  }
}

async function readIndex(handle: FileHandle, size: number): Promise<PackIndex | string> {
  const footer =
    size < indexFooterBytes
      ? undefined
      : await readExactly(handle, { position: size - indexFooterBytes, length: indexFooterBytes });
  if (footer === undefined) {
    return "it is too short";
  }
  const length = indexLength(footer);
  if (!length.ok) {
    return length.error;
  }
  if (length.value > size) {
    return "its index is longer than the pack";
  }
  const bytes = await readExactly(handle, { position: size - length.value, length: length.value });
  if (bytes === undefined) {
    return "it is too short";
  }
  const index = decodePackIndex(bytes, size);
  return index.ok ? index.value : index.error;
}
