/**
 * Reads members out of packs. Frames are decompressed one by one and the last few are kept, because a version's path order
 * goes to and fro between its packs. Every content is checked against its digest: small ones before anything of them is
 * handed out, large ones before their end is.
 */

import { createHash } from "node:crypto";
import { once } from "../../base/async.ts";
import { AppError } from "../../base/errors.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { escapePath } from "../../base/path-bytes.ts";
import { runProcess } from "../../base/process.ts";
import { formatVersion, type VersionId } from "../manifest.ts";
import { TarDecoder } from "../tar/decode.ts";
import type { SparseMap } from "../tar/sparse.ts";
import { ContentDigest } from "../tree/content-digest.ts";
import { readExactly } from "./durable-file.ts";
import { letOthersRun } from "./let-others-run.ts";
import type { PackFile } from "./pack-file.ts";
import { frameAt, frameDigest, memberDigest } from "./pack-index.ts";

const cacheBytes = 96 * 1024 * 1024;
/** Content up to this size is checked before any of it is handed out. */
const checkFirst = 4 * 1024 * 1024;

/** A member that is to be read, and for whom: named in errors. */
export interface MemberRequest {
  readonly pack: PackFile;
  readonly member: number;
  readonly version: VersionId;
  readonly path: RelPath;
}

export interface StoredContent {
  readonly sparse?: SparseMap;
  /** Bytes that `data` adds up to. */
  readonly dataLength: number;
  readonly data: AsyncIterable<Uint8Array>;
}

export class PackReader {
  readonly #frames = new Map<string, { readonly raw: number; readonly bytes: Promise<Uint8Array> }>();
  readonly #signal: AbortSignal | undefined;
  #cached = 0;

  constructor(options: { readonly signal?: AbortSignal } = {}) {
    this.#signal = options.signal;
  }

  /** The content of a regular file's member. */
  async content(request: MemberRequest): Promise<StoredContent> {
    const { index } = request.pack;
    const start = index.memberRaw[request.member] as number;
    const dataStart = start + (index.headerBlocks[request.member] as number) * 512;
    const header: Uint8Array[] = [];
    for await (const bytes of this.#raw(request, { from: start, to: dataStart })) {
      header.push(bytes);
    }
    const decoded = new TarDecoder().write(Buffer.concat(header));
    const first = decoded.ok ? decoded.value[0] : undefined;
    if (
      first?.kind !== "entry" ||
      dataStart + first.dataLength > (index.memberRaw[request.member + 1] as number)
    ) {
      throw damaged(request, decoded.ok ? "no member stands where one should" : decoded.error.message);
    }
    const data = this.#checked(request, {
      from: dataStart,
      to: dataStart + first.dataLength,
      sparse: first.sparse,
    });
    return {
      dataLength: first.dataLength,
      data,
      ...(first.sparse === undefined ? {} : { sparse: first.sparse }),
    };
  }

  async *#checked(
    request: MemberRequest,
    range: { readonly from: number; readonly to: number; readonly sparse: SparseMap | undefined },
  ): AsyncGenerator<Uint8Array> {
    const wanted = memberDigest(request.pack.index, request.member);
    const content = new ContentDigest(range.to - range.from, range.sparse);
    const held: Uint8Array[] = [];
    const holds = range.to - range.from <= checkFirst;
    let last: Uint8Array | undefined;
    for await (const bytes of this.#raw(request, range)) {
      await letOthersRun(content.updating(bytes));
      if (holds) {
        held.push(bytes);
      } else {
        // The last piece waits for the verdict, so a bad content is never handed out whole.
        if (last !== undefined) {
          yield last;
        }
        last = bytes;
      }
    }
    const found = await letOthersRun(content.digesting());
    if (wanted === undefined ? range.to > range.from : !found.equals(wanted)) {
      throw damaged(request, `its SHA-256 is ${found.toString("hex")}`);
    }
    yield* held;
    if (last !== undefined) {
      yield last;
    }
  }

  /** Bytes of the uncompressed stream of a pack, as views of decompressed frames. */
  async *#raw(
    request: MemberRequest,
    range: { readonly from: number; readonly to: number },
  ): AsyncGenerator<Uint8Array> {
    const { index } = request.pack;
    let at = range.from;
    for (let frame = frameAt(index, at); at < range.to; frame++) {
      const frameStart = index.frameRaw[frame] as number;
      const frameEnd = index.frameRaw[frame + 1] as number;
      const current = this.#frame(request, frame);
      if (frameEnd < range.to) {
        this.#frame(request, frame + 1);
      }
      const bytes = await current;
      const end = Math.min(range.to, frameEnd);
      yield bytes.subarray(at - frameStart, end - frameStart);
      at = end;
    }
  }

  #frame(request: MemberRequest, frame: number): Promise<Uint8Array> {
    const key = `${request.pack.id}:${frame}`;
    const known = this.#frames.get(key);
    if (known !== undefined) {
      this.#frames.delete(key);
      this.#frames.set(key, known);
      return known.bytes;
    }
    const { frameRaw } = request.pack.index;
    const raw = (frameRaw[frame + 1] as number) - (frameRaw[frame] as number);
    this.#cached += raw;
    for (const [oldKey, old] of this.#frames) {
      if (this.#cached <= cacheBytes) {
        break;
      }
      this.#frames.delete(oldKey);
      this.#cached -= old.raw;
    }
    const loading = readFrame(request, { frame, signal: this.#signal });
    loading.catch(() => undefined);
    this.#frames.set(key, { raw, bytes: loading });
    return loading;
  }
}

async function readFrame(
  request: MemberRequest,
  options: { readonly frame: number; readonly signal: AbortSignal | undefined },
): Promise<Uint8Array> {
  const { index } = request.pack;
  const { frame, signal } = options;
  const raw = (index.frameRaw[frame + 1] as number) - (index.frameRaw[frame] as number);
  const compressed = await readCompressedFrame(request.pack, frame);
  if (typeof compressed === "string") {
    throw damaged(request, compressed);
  }
  const result = await runProcess(["zstd", "-q", "-d", "-c"], {
    stdin: once(compressed),
    limit: raw,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.code !== 0 || result.stdout.length !== raw) {
    const said = result.stderr.trim().replaceAll(/\s+/g, " ");
    throw damaged(
      request,
      `frame ${frame} does not decompress${said === "" ? "" : ` (zstd said '${said}')`}`,
    );
  }
  return result.stdout;
}

/** A frame as it is stored, checked; or what is wrong with it. */
export async function readCompressedFrame(pack: PackFile, frame: number): Promise<Uint8Array | string> {
  const position = pack.index.frameOffset[frame] as number;
  const length = (pack.index.frameOffset[frame + 1] as number) - position;
  const compressed = await readExactly(pack.handle, { position, length });
  if (compressed === undefined) {
    return "its pack is too short";
  }
  const digest = createHash("sha256").update(compressed).digest();
  return digest.equals(frameDigest(pack.index, frame))
    ? compressed
    : `frame ${frame} is not what was written`;
}

/** The error of stored bytes that are not what was stored. */
export function damaged(request: MemberRequest, problem: string): AppError {
  const version = formatVersion(request.version);
  return new AppError(
    "corrupt",
    `Stored content of '${escapePath(request.path)}' in ${version} is damaged: ${problem}, in pack ${request.pack.id}`,
    {
      hint: `Run 'ingot image verify ${version}' to see all that is damaged, and restore the pack from a backup.`,
      fields: {
        image: request.version.image,
        version: request.version.number,
        path: escapePath(request.path),
        pack: request.pack.id,
      },
    },
  );
}
