/** Collects the bytes of an archive in one growing buffer, so that a thousand small members cost no thousand small arrays. */
import { blockSize, putHeader, type UstarFields } from "./header.ts";

export class BlockWriter {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many bytes are held. */
  get length(): number {
    return this.#length;
  }

  header(fields: UstarFields): void {
    const at = this.#grow(blockSize);
    putHeader(this.#bytes, at, fields);
  }

  /** Appends latin1 text. */
  text(text: string): void {
    const at = this.#grow(text.length);
    for (let i = 0; i < text.length; i++) {
      this.#bytes[at + i] = text.charCodeAt(i);
    }
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Appends zeros: what fills the last block of a content. */
  zeros(length: number): void {
    this.#grow(length);
  }

  /** Hands over what is held and starts with an empty buffer. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    return taken;
  }

  /** Makes room, filled with zeros; returns where it starts. */
  #grow(length: number): number {
    const at = this.#length;
    const wanted = at + length;
    if (wanted > this.#bytes.length) {
      // Out of Node's pool where it is small: an array of its own for each header costs more than the header.
      const grown = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2, this.#capacity));
      grown.set(this.#bytes.subarray(0, at));
      grown.fill(0, at);
      this.#bytes = grown;
    }
    this.#length = wanted;
    return at;
  }
}
