/**
 * One pass over a pack from front to back: chosen frames are read, checked by their digests and decompressed by one zstd process
 * for all of them, where a process for each would cost more than the decompression.
 */
import { createHash } from "node:crypto";
import type { LocalProcess } from "../../base/process.ts";
import { readExactly } from "./durable-file.ts";
import type { PackFile } from "./pack-file.ts";
import { frameDigest } from "./pack-index.ts";
import { startDecompression } from "./zstd.ts";

export interface FramePassOptions {
  readonly signal?: AbortSignal;
  /** Told of each read of the pack. */
  readonly onRead?: (frames: number) => void;
  /** Makes the error for a frame that is not what was stored. */
  readonly damaged: (frame: number, problem: string) => Error;
}

/** Frames that follow each other are read together up to this many bytes. */
const readAhead = 4 * 1024 * 1024;

export class FramePass {
  readonly #pack: PackFile;
  /** Rising. */
  readonly #frames: readonly number[];
  readonly #options: FramePassOptions;
  readonly #process: LocalProcess;
  readonly #output: AsyncIterator<Uint8Array>;
  /** Which of the frames is being taken, by its place among them. */
  #current = 0;
  /** Where in the uncompressed stream `#held` begins. */
  #position: number;
  #held: Uint8Array = new Uint8Array(0);

  constructor(pack: PackFile, frames: readonly number[], options: FramePassOptions) {
    this.#pack = pack;
    this.#frames = frames;
    this.#options = options;
    this.#process = startDecompression(
      this.#compressed(),
      options.signal === undefined ? {} : { signal: options.signal },
    );
    this.#output = this.#process.stdout[Symbol.asyncIterator]();
    this.#position = this.#startOf(0);
  }

  /** Bytes of the uncompressed stream, which must lie in the chosen frames and behind what was asked for before. */
  async *range(from: number, to: number): AsyncGenerator<Uint8Array> {
    while (this.#position < to) {
      if (this.#held.length === 0) {
        this.#held = await this.#next();
      }
      const frameEnd = this.#endOf(this.#current);
      const end = Math.min(to, frameEnd, this.#position + this.#held.length);
      const skipped = Math.min(Math.max(from - this.#position, 0), end - this.#position);
      const bytes = this.#held.subarray(skipped, end - this.#position);
      this.#held = this.#held.subarray(end - this.#position);
      this.#position = end;
      if (end === frameEnd && this.#current + 1 < this.#frames.length) {
        this.#current += 1;
        this.#position = this.#startOf(this.#current);
      }
      if (bytes.length > 0) {
        yield bytes;
      }
    }
  }

  /** Ends the process, also in the middle. */
  async close(): Promise<void> {
    await this.#output.return?.();
    await this.#process.exit.catch(() => undefined);
  }

  async #next(): Promise<Uint8Array> {
    const step = await this.#output.next();
    if (step.done !== true) {
      return step.value;
    }
    const { stderr } = await this.#process.exit;
    const frame = this.#frames[this.#current] as number;
    throw this.#options.damaged(
      frame,
      `frame ${frame} does not decompress (zstd said '${stderr.trim().replaceAll(/\s+/g, " ")}')`,
    );
  }

  async *#compressed(): AsyncGenerator<Uint8Array> {
    const { index, handle } = this.#pack;
    const offset = (frame: number) => index.frameOffset[frame] as number;
    for (let at = 0; at < this.#frames.length; ) {
      const first = this.#frames[at] as number;
      let end = first + 1;
      while (this.#frames[at + end - first] === end && offset(end + 1) - offset(first) <= readAhead) {
        end += 1;
      }
      const length = offset(end) - offset(first);
      const bytes = await readExactly(handle, { position: offset(first), length });
      this.#options.onRead?.(end - first);
      for (let frame = first; frame < end; frame++) {
        const own = bytes?.subarray(offset(frame) - offset(first), offset(frame + 1) - offset(first));
        if (own === undefined) {
          throw this.#options.damaged(frame, "its pack is too short");
        }
        if (!createHash("sha256").update(own).digest().equals(frameDigest(index, frame))) {
          throw this.#options.damaged(frame, `frame ${frame} is not what was written`);
        }
        yield own;
      }
      at += end - first;
    }
  }

  #startOf(place: number): number {
    return this.#pack.index.frameRaw[this.#frames[place] as number] as number;
  }

  #endOf(place: number): number {
    return this.#pack.index.frameRaw[(this.#frames[place] as number) + 1] as number;
  }
}
