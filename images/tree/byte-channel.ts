/**
 * A bounded pipe of archive bytes between a producer that pushes and a consumer that pulls. Small pieces are copied together
 * into large batches: a write to a pipe costs more than the copy. Large ones go through as they are.
 */
import type { FileEntry } from "../entry.ts";
import { BlockWriter } from "../tar/block-writer.ts";
import { type EncodeOptions, writeMember } from "../tar/encode.ts";

const batchBytes = 192 * 1024;
const largeBytes = 12 * 1024;
/** What may wait: enough that the consumer has work while the producer waits for more. */
const maxWaiting = 1024 * 1024;

export class ByteChannel implements AsyncIterable<Uint8Array> {
  readonly #writer = new BlockWriter(batchBytes + largeBytes + 4096);
  readonly #batches: Uint8Array[] = [];
  #waiting = 0;
  #ended = false;
  /** The consumer is gone: what is pushed goes nowhere. */
  #abandoned = false;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducer: (() => void) | undefined;

  /** Adds the headers of a member. */
  member(entry: FileEntry, options: EncodeOptions): void {
    writeMember(this.#writer, entry, options);
  }

  /** Adds content; the bytes must not change afterwards. The producer waits with {@link drained} after each round. */
  data(bytes: Uint8Array): void {
    if (bytes.length >= largeBytes) {
      this.#flush();
      this.#batch(bytes);
      return;
    }
    this.#writer.bytes(bytes);
    if (this.#writer.length >= batchBytes) {
      this.#flush();
    }
  }

  zeros(length: number): void {
    this.#writer.zeros(length);
  }

  get isFull(): boolean {
    return this.#waiting >= maxWaiting && !this.#abandoned;
  }

  /** Resolves when the consumer has caught up enough to go on. */
  async drained(): Promise<void> {
    while (this.isFull) {
      await new Promise<void>((resolve) => {
        this.#wakeProducer = resolve;
      });
    }
  }

  end(): void {
    this.#flush();
    this.#ended = true;
    this.#wakeConsumer?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
        yield batch;
      }
    } finally {
      this.#abandoned = true;
      this.#wakeProducer?.();
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    while (this.#batches.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    }
    const batch = this.#batches.shift();
    this.#waiting -= batch?.length ?? 0;
    this.#wakeProducer?.();
    return batch;
  }

  #flush(): void {
    if (this.#writer.length > 0) {
      this.#batch(this.#writer.take());
    }
  }

  #batch(bytes: Uint8Array): void {
    if (!this.#abandoned) {
      this.#batches.push(bytes);
      this.#waiting += bytes.length;
      this.#wakeConsumer?.();
    }
  }
}
