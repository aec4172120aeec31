/** Files of a version block by block, and the members that carry just the changed blocks of them. */
import type { RelPath } from "../../base/path-bytes.ts";
import { openStanding } from "../capture/standing-blocks.ts";
import type { FileEntryRegular } from "../entry.ts";
import type { VersionId } from "../manifest.ts";
import { digestOf } from "../remote/block-hash.ts";
import { contentName } from "../remote/known-blocks.ts";
import type { VersionReader } from "../store/store.ts";
import type { VersionTable } from "../store/version-table.ts";
import { readTar, type TarMember } from "../tar/stream.ts";
import type { FilePatch, UpdatePlan } from "./plan.ts";

interface Source {
  readonly store: VersionReader;
  readonly version: VersionId;
  /** The version's table, where it has been read. */
  readonly table?: VersionTable;
  readonly signal?: AbortSignal;
}

/** Reads files block by block; a block's bytes hold until the next is asked for. Files with holes are passed over. */
export async function* versionBlocks(
  files: readonly (readonly [path: RelPath, block: number])[],
  source: Source,
): AsyncGenerator<readonly [path: RelPath, bytes: Uint8Array]> {
  const sizes = new Map(files);
  const { store, version, table, signal } = source;
  const tar = store.members(version, [...sizes.keys()], {
    order: "stored",
    ...(table === undefined ? {} : { table }),
    ...(signal === undefined ? {} : { signal }),
  });
  let path: RelPath | undefined;
  let block = new Block(0);
  for await (const events of readTar(tar, { what: "the image's own files" })) {
    for (const event of events) {
      if (event.kind === "entry") {
        path = event.sparse === undefined ? event.entry.path : undefined;
        block = new Block(sizes.get(event.entry.path) ?? 0);
      } else if (event.kind === "data" && path !== undefined) {
        for (const full of block.fill(event.bytes)) {
          yield [path, full];
        }
      } else if (event.kind === "entry-end" && path !== undefined && block.length > 0) {
        yield [path, block.take()];
      }
    }
  }
}

class Block {
  readonly #bytes: Uint8Array;
  length = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  /** Takes bytes in; yields the block whenever it is full. */
  *fill(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#bytes.length - this.length);
      this.#bytes.set(part, this.length);
      this.length += part.length;
      at += part.length;
      if (this.length === this.#bytes.length) {
        yield this.take();
      }
    }
  }

  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.length);
    this.length = 0;
    return bytes;
  }
}

/** The members that carry a plan's patches: each has its file's metadata and, as content, the changed blocks one after the other. */
export async function* patchMembers(
  plan: UpdatePlan,
  source: Omit<Source, "version">,
): AsyncGenerator<TarMember> {
  const version = { image: plan.image, number: plan.version };
  for (const action of plan.actions) {
    const patch = action.kind === "write" ? plan.patches.get(action.entry.path) : undefined;
    if (action.kind === "write" && action.entry.kind === "file" && patch !== undefined) {
      yield {
        entry: { ...action.entry, size: patch.bytes },
        content: changedBlocks(action.entry, patch, { ...source, version }),
      };
    }
  }
}

/**
 * The changed blocks: out of the image's tree, as far as it has them, which their digests tell; else out of the version. There, what
 * comes before a block must be decompressed too.
 */
async function* changedBlocks(
  entry: FileEntryRegular,
  patch: FilePatch,
  source: Source,
): AsyncGenerator<Uint8Array> {
  const wanted = patch.runs.flatMap((run) => Array.from({ length: run.count }, (_, at) => run.first + at));
  let done = 0;
  for await (const bytes of blocksInTree(entry, patch, { ...source, wanted })) {
    yield bytes;
    done += 1;
  }
  const rest = new Set(wanted.slice(done));
  if (rest.size === 0) {
    return;
  }
  let index = 0;
  for await (const [, bytes] of versionBlocks([[entry.path, patch.block]], source)) {
    if (rest.has(index)) {
      yield bytes.slice();
    }
    index += 1;
  }
}

/** The first of the wanted blocks that the file of that name in the image's tree has. */
async function* blocksInTree(
  { path, size, digest }: FileEntryRegular,
  patch: FilePatch,
  source: Source & { readonly wanted: readonly number[] },
): AsyncGenerator<Uint8Array> {
  const digests = digest === undefined ? undefined : source.store.blocks.get(contentName(digest), patch);
  if (digests === undefined) {
    return;
  }
  const file = openStanding(source.store.treePath(source.version.image), path);
  try {
    for (const index of file === undefined ? [] : source.wanted) {
      const start = index * patch.block;
      const bytes = await file?.read(start, Math.min(size, start + patch.block) - start);
      if (bytes === undefined || digestOf(patch.program, bytes) !== digests[index]) {
        return;
      }
      yield bytes;
    }
  } finally {
    file?.close();
  }
}
