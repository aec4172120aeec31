/** Files of a version block by block, and the members that carry just the changed blocks of them. */
import type { RelPath } from "../../base/path-bytes.ts";
import type { VersionId } from "../manifest.ts";
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
        content: changedBlocks(action.entry.path, patch, { ...source, version }),
      };
    }
  }
}

async function* changedBlocks(path: RelPath, patch: FilePatch, source: Source): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const [, bytes] of versionBlocks([[path, patch.block]], source)) {
    if (patch.runs.some((run) => index >= run.first && index < run.first + run.count)) {
      yield bytes.slice();
    }
    index += 1;
  }
}
