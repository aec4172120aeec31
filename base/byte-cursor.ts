import { concatBytes } from "./bytes.ts";

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

/** Writes network-order integers and byte runs into a growing list of pieces. */
export class ByteWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(bytes: Uint8Array): this {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  zeros(length: number): this {
    return this.bytes(new Uint8Array(length));
  }

  u8(value: number): this {
    return this.bytes(Uint8Array.of(value & 0xff));
  }

  u16(value: number): this {
    return this.bytes(Uint8Array.of((value >>> 8) & 0xff, value & 0xff));
  }

  u32(value: number): this {
    return this.u16(Math.floor(value / 0x10000)).u16(value & 0xffff);
  }

  finish(): Uint8Array {
    return concatBytes(this.#pieces);
  }
}
