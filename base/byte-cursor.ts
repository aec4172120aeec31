/** Thrown inside codecs on overrun and caught at their edge, where it becomes a decode error. */
export class Truncated extends Error {
  constructor(wanted: number, left: number) {
    super(`Truncated: ${wanted} bytes wanted, ${left} left`);
    this.name = "Truncated";
  }
}

/** Reads network-order (big-endian) integers and byte runs; every read is checked against the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Returns a view, not a copy. */
  bytes(length: number): Uint8Array {
    if (length < 0 || length > this.remaining) {
      throw new Truncated(length, this.remaining);
    }
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  u8(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) {
      throw new Truncated(1, 0);
    }
    this.#offset += 1;
    return byte;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }
}
