/** Archives of the store written anew: for a tar that cannot read them, or with other metadata. */
import type { FileEntry } from "../entry.ts";
import { encodeMember, endOfArchive } from "./encode.ts";
import type { TarEvent } from "./events.ts";
import { encodeGnuMember, type TarDialect } from "./gnu-encode.ts";
import { paddingOf } from "./header.ts";
import type { SparseMap } from "./sparse.ts";
import { readTar, type TarMember, writeTar } from "./stream.ts";

const zeros = new Uint8Array(64 * 1024);

export interface Rewriting {
  /** How members are written; as a posix archive unless told. */
  readonly dialect?: TarDialect | undefined;
  /** What stands for a member of the archives; its content is the same. */
  readonly as?: ((entry: FileEntry) => FileEntry) | undefined;
}

/** One archive of `first` and of what is in `archives`, any number of them one behind the other. */
export async function* rewriteTar(
  first: AsyncIterable<TarMember>,
  archives: AsyncIterable<Uint8Array>,
  how: Rewriting,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of writeTar(first, how.dialect)) {
    if (chunk !== endOfArchive) {
      yield chunk;
    }
  }
  const rewriter = new Rewriter(how);
  for await (const events of readTar(archives, { what: "the version", concatenated: true })) {
    for (const event of events) {
      yield* rewriter.bytesOf(event);
    }
  }
  yield endOfArchive;
}

class Rewriter {
  readonly #how: Rewriting;
  #filler: HoleFiller | undefined;
  #padding = 0;

  constructor(how: Rewriting) {
    this.#how = how;
  }

  *bytesOf(event: TarEvent): Generator<Uint8Array> {
    if (event.kind === "entry") {
      yield this.#begin(event);
    } else if (event.kind === "data") {
      yield* this.#filler === undefined ? [event.bytes] : this.#filler.data(event.bytes);
    } else if (event.kind === "entry-end") {
      yield* this.#filler?.end() ?? [];
      yield zeros.subarray(0, this.#padding);
    }
  }

  #begin({ entry, sparse, dataLength }: Extract<TarEvent, { kind: "entry" }>): Uint8Array {
    const { dialect, as } = this.#how;
    const filled = dialect === "busybox" ? sparse : undefined;
    this.#filler = filled === undefined ? undefined : new HoleFiller(filled);
    this.#padding = paddingOf(filled?.realSize ?? dataLength);
    const member = as === undefined ? entry : as(entry);
    const options = sparse === undefined ? {} : { sparse };
    return dialect === undefined
      ? encodeMember(member, options)
      : encodeGnuMember(member, { dialect, ...options });
  }
}

/** A sparse file's segments with the holes between them as zeros. */
class HoleFiller {
  readonly #map: SparseMap;
  #index = 0;
  /** Bytes of the file that were told. */
  #at = 0;

  constructor(map: SparseMap) {
    this.#map = map;
  }

  *data(bytes: Uint8Array): Generator<Uint8Array> {
    let from = 0;
    while (from < bytes.length) {
      const segment = this.#map.segments[this.#index];
      if (segment === undefined) {
        return;
      }
      if (segment.length === 0) {
        this.#index += 1;
        continue;
      }
      yield* this.#holeTo(segment.offset);
      const taken = Math.min(bytes.length - from, segment.offset + segment.length - this.#at);
      yield bytes.subarray(from, from + taken);
      from += taken;
      this.#at += taken;
      if (this.#at === segment.offset + segment.length) {
        this.#index += 1;
      }
    }
  }

  *end(): Generator<Uint8Array> {
    yield* this.#holeTo(this.#map.realSize);
  }

  *#holeTo(offset: number): Generator<Uint8Array> {
    while (this.#at < offset) {
      const length = Math.min(zeros.length, offset - this.#at);
      yield zeros.subarray(0, length);
      this.#at += length;
    }
  }
}
