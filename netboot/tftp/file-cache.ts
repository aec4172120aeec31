/** Content of files that are being sent, read once for all who fetch them. */
import type { TftpFile } from "./file-source.ts";

/** A file as it lies on disk, open. */
export interface StoredFile {
  /** Equal for equal content: inode and time of change. */
  readonly identity: string;
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`, fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

type Chunk = Uint8Array | Promise<Uint8Array>;

const chunkSize = 64 * 1024;

/**
 * Keeps chunks in memory, up to a number of bytes, and lets go of those that were longest not asked for. Who reads a chunk makes the
 * next one be read, so that a transfer seldom waits for the disk.
 */
export class FileCache {
  readonly #limit: number;
  /** The one that was asked for last is the last. */
  readonly #chunks = new Map<string, Chunk>();

  constructor(limit: number) {
    this.#limit = Math.max(1, Math.floor(limit / chunkSize));
  }

  share(file: StoredFile): TftpFile {
    let at = -1;
    let current: Uint8Array = new Uint8Array(0);

    const remember = (index: number, bytes: Uint8Array): Uint8Array => {
      at = index;
      current = bytes;
      if ((index + 1) * chunkSize < file.size) {
        this.#chunk(file, index + 1);
      }
      return bytes;
    };
    return {
      size: file.size,
      read: (offset, length) => {
        const first = Math.floor(offset / chunkSize);
        const last = Math.floor((offset + Math.max(length, 1) - 1) / chunkSize);
        const start = offset - first * chunkSize;
        if (first === at && last === first) {
          return current.subarray(start, start + length);
        }
        const chunks = Array.from({ length: last - first + 1 }, (_, index) =>
          this.#chunk(file, first + index),
        );
        const cut = (there: readonly Uint8Array[]): Uint8Array => {
          remember(last, there[there.length - 1] as Uint8Array);
          return join(there).subarray(start, start + length);
        };
        return chunks.every((chunk) => chunk instanceof Uint8Array)
          ? cut(chunks)
          : Promise.all(chunks).then(cut);
      },
      close: () => file.close(),
    };
  }

  #chunk(file: StoredFile, index: number): Chunk {
    const key = `${file.identity}/${index}`;
    const known = this.#chunks.get(key);
    if (known !== undefined) {
      this.#chunks.delete(key);
      this.#chunks.set(key, known);
      return known;
    }
    const reading = file.read(index * chunkSize, chunkSize).then(
      (bytes) => {
        if (this.#chunks.get(key) === reading) {
          this.#chunks.set(key, bytes);
        }
        return bytes;
      },
      (error: unknown) => {
        this.#chunks.delete(key);
        throw error;
      },
    );
    // Where nobody waits for it yet, whoever asks next reads again and learns what is wrong.
    reading.catch(() => undefined);
    this.#chunks.set(key, reading);
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= this.#limit) {
        break;
      }
      this.#chunks.delete(oldest);
    }
    return reading;
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) {
    return chunks[0] as Uint8Array;
  }
  const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
