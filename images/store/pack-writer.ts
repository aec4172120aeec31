/**
 * Writes a pack: members are gathered into frames, frames are compressed side by side and written in order. A member that
 * does not fit a frame gets frames of its own, so that every frame begins with a member or lies inside a single one.
 */
import { createHash, hash } from "node:crypto";
import { type FileHandle, open, readFile, unlink } from "node:fs/promises";
import { writeFully, writeNewFile } from "./durable-file.ts";
import { encodePackIndex, headerKeyBytes, type PackFrame } from "./pack-index.ts";
import { PackMembers } from "./pack-members.ts";
import { compressFiles } from "./zstd.ts";

export const frameTarget = 4 * 1024 * 1024;
/** Frames that one process compresses. */
const batchFrames = 4;

export interface PackWriterOptions {
  readonly level: number;
  /** Processes that compress at the same time. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
}

export interface WrittenPack {
  readonly id: string;
  readonly bytes: number;
  readonly members: number;
}

/** The key by which a member's header is found again. */
export function headerKeyOf(header: Uint8Array): Uint8Array {
  return hash("sha256", header, "buffer").subarray(0, headerKeyBytes);
}

export class PackWriter {
  readonly #handle: FileHandle;
  readonly #file: string;
  readonly #options: PackWriterOptions;
  readonly #frames: PackFrame[] = [];
  readonly #members = new PackMembers();
  #hash = createHash("sha256");
  #written = 0;
  /** The frame that is being gathered: one buffer for all of them, because garbage of this size makes V8 stop often. */
  readonly #frame = Buffer.allocUnsafeSlow(frameTarget);
  #frameBytes = 0;
  #gathered = 0;
  /** Frames that wait, in files, for a process to compress them. */
  #batch: RawFrame[] = [];
  readonly #jobs: BatchJob[] = [];
  #open: OpenMember | undefined;

  private constructor(handle: FileHandle, file: string, options: PackWriterOptions) {
    this.#handle = handle;
    this.#file = file;
    this.#options = options;
  }

  static async create(file: string, options: PackWriterOptions): Promise<PackWriter> {
    return new PackWriter(await open(file, "wx+", 0o600), file, options);
  }

  get members(): number {
    return this.#members.length;
  }

  /** SHA-256 of a member's content; undefined where it is no file with content. */
  digestOf(member: number): Uint8Array | undefined {
    return this.#members.digestOf(member);
  }

  /** Adds a member that fits a frame and whose data is at hand; returns its ordinal. */
  async add(member: WholeMember): Promise<number> {
    const { header, data, dataLength, digest } = member;
    const blocks = header.length / 512 + Math.ceil(dataLength / 512);
    if (this.#frameBytes + blocks * 512 > frameTarget) {
      if (blocks * 512 > frameTarget) {
        return await this.#addAlone(member);
      }
      await this.#flush();
    }
    const end = this.#frameBytes + blocks * 512;
    this.#append(header);
    for (const bytes of data) {
      this.#append(bytes);
    }
    this.#frame.fill(0, this.#frameBytes, end);
    this.#frameBytes = end;
    return this.#note({ header, blocks }, digest);
  }

  async #addAlone({ header, data, dataLength, digest }: WholeMember): Promise<number> {
    await this.begin(header, dataLength);
    for (const bytes of data) {
      await this.write(bytes);
    }
    return await this.end(digest);
  }

  #append(bytes: Uint8Array): void {
    this.#frame.set(bytes, this.#frameBytes);
    this.#frameBytes += bytes.length;
  }

  /** Begins a member of `header` and `dataLength` bytes (padding not counted). */
  async begin(header: Uint8Array, dataLength: number): Promise<void> {
    const padded = Math.ceil(dataLength / 512) * 512;
    const total = header.length + padded;
    const alone = total > frameTarget;
    if (this.#frameBytes > 0 && this.#frameBytes + total > frameTarget) {
      await this.#flush();
    }
    if (alone) {
      // All before is on disk, so that abandoning the member is cutting the file.
      await this.#drain(0);
    }
    this.#open = {
      alone,
      header,
      blocks: total / 512,
      padding: padded - dataLength,
      frameBytes: this.#frameBytes,
      frames: this.#frames.length,
      written: this.#written,
      hash: alone ? this.#hash.copy() : undefined,
    };
    await this.write(header);
  }

  /** Takes some of the member's data. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    // Only a member that is alone reaches the end of the buffer before it is flushed.
    while (this.#frameBytes + rest.length > frameTarget) {
      const fits = frameTarget - this.#frameBytes;
      this.#frame.set(rest.subarray(0, fits), this.#frameBytes);
      this.#frameBytes = frameTarget;
      rest = rest.subarray(fits);
      await this.#flush();
    }
    this.#append(rest);
  }

  /** Completes the member and returns its ordinal. */
  async end(digest?: Uint8Array): Promise<number> {
    const member = this.#takeOpen();
    if (member.padding > 0) {
      await this.write(new Uint8Array(member.padding));
    }
    if (member.alone && this.#frameBytes > 0) {
      await this.#flush();
    }
    return this.#note(member, digest);
  }

  #note(member: Pick<OpenMember, "header" | "blocks">, digest: Uint8Array | undefined): number {
    return this.#members.add({
      blocks: member.blocks,
      headerBlocks: member.header.length / 512,
      headerKey: headerKeyOf(member.header),
      ...(digest === undefined ? {} : { digest }),
    });
  }

  /** Takes back the member that was begun: its content is stored already. */
  async abandon(): Promise<void> {
    const member = this.#takeOpen();
    this.#frameBytes = member.alone ? 0 : member.frameBytes;
    if (member.hash !== undefined) {
      await this.#drain(0);
      await this.#handle.truncate(member.written);
      this.#written = member.written;
      this.#frames.length = member.frames;
      this.#hash = member.hash;
    }
  }

  /** Completes and syncs the file. */
  async finish(): Promise<WrittenPack> {
    if (this.#frameBytes > 0) {
      await this.#flush();
    }
    await this.#drain(0);
    for (const piece of encodePackIndex(this.#frames, this.#members)) {
      await this.#put(piece);
    }
    await this.#handle.sync();
    return { id: this.#hash.digest("hex"), bytes: this.#written, members: this.#members.length };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#jobs.map((job) => job.compressed));
    await this.#handle.close();
  }

  #takeOpen(): OpenMember {
    const member = this.#open;
    if (member === undefined) {
      throw new TypeError("No member of the pack is open");
    }
    this.#open = undefined;
    return member;
  }

  async #flush(): Promise<void> {
    const file = `${this.#file}.frame${this.#gathered++}`;
    await writeNewFile(file, this.#frame.subarray(0, this.#frameBytes));
    this.#batch.push({ file, raw: this.#frameBytes });
    this.#frameBytes = 0;
    if (this.#batch.length === batchFrames) {
      this.#compress();
      await this.#drain(this.#options.concurrency);
    }
  }

  #compress(): void {
    const frames = this.#batch;
    this.#batch = [];
    const { level, signal } = this.#options;
    const compressed = compressFiles(
      frames.map((frame) => frame.file),
      { level, ...(signal === undefined ? {} : { signal }) },
    );
    // Its failure is met when the frames are written; until then it must not count as unhandled.
    compressed.catch(() => undefined);
    this.#jobs.push({ frames, compressed });
  }

  /** Writes finished frames in order until at most `left` batches are under way. */
  async #drain(left: number): Promise<void> {
    if (left === 0 && this.#batch.length > 0) {
      this.#compress();
    }
    while (this.#jobs.length > left) {
      const job = this.#jobs[0] as BatchJob;
      await job.compressed;
      this.#jobs.shift();
      for (const { file, raw } of job.frames) {
        const frame = await readFile(`${file}.zst`);
        await unlink(`${file}.zst`);
        const digest = hash("sha256", frame, "buffer");
        this.#frames.push({ compressed: frame.length, raw, digest });
        await this.#put(frame);
      }
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    // Positioned by the file's own offset, which truncate() leaves behind the end: hence the explicit position.
    await writeFully(this.#handle, bytes, { file: this.#file, position: this.#written });
    this.#hash.update(bytes);
    this.#written += bytes.length;
  }
}

interface RawFrame {
  readonly file: string;
  readonly raw: number;
}

interface BatchJob {
  readonly frames: readonly RawFrame[];
  readonly compressed: Promise<void>;
}

/** A member that needs no {@link PackWriter.begin}. */
interface WholeMember {
  readonly header: Uint8Array;
  readonly data: readonly Uint8Array[];
  /** Bytes of `data`. */
  readonly dataLength: number;
  readonly digest?: Uint8Array;
}

interface OpenMember {
  readonly alone: boolean;
  readonly header: Uint8Array;
  readonly blocks: number;
  readonly padding: number;
  readonly frameBytes: number;
  readonly frames: number;
  readonly written: number;
  readonly hash: ReturnType<typeof createHash> | undefined;
}
