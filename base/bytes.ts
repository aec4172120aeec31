const hexDigits = "0123456789abcdef";

/** Joins byte arrays into a new one. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Compares as memcmp does, the shorter first where one is a prefix of the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Lower-case hex text. */
export function toHex(bytes: Uint8Array, between = ""): string {
  let text = "";
  for (const byte of bytes) {
    text += text === "" ? "" : between;
    text += hexDigits.charAt(byte >> 4) + hexDigits.charAt(byte & 15);
  }
  return text;
}

/** Bytes of hex text, or undefined where it is not hex of even length. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    return undefined;
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  }
  return bytes;
}

/** One character per byte (ISO 8859-1): a lossless text form for use as a map key or for ASCII grammars. */
export function toLatin1(bytes: Uint8Array): string {
  return latin1At(bytes, 0, bytes.length);
}

/**
 * The bytes from `start` up to `end` as {@link toLatin1} gives them: a string of its own, which keeps no buffer alive. Of a Buffer it
 * takes half the time or less that any way by character codes does.
 */
export function latin1At(bytes: Uint8Array, start: number, end: number): string {
  if (end <= start) {
    return "";
  }
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("latin1", start, end);
}

/** The bytes from `start` up to `end` as {@link toHex} gives them. */
export function hexAt(bytes: Uint8Array, start: number, end: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("hex", start, end);
}

/** The same latin1 text as a string of its own: a part of a string, as slice() and split() give it, keeps the whole of it alive. */
export function ownText(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** The inverse of {@link toLatin1}. Characters over U+00FF are not allowed and lose their high bits. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    bytes[i] = text.charCodeAt(i);
  }
  return bytes;
}

export function fromUtf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Decodes UTF-8; undecodable bytes become U+FFFD: for messages to people only. */
export function toUtf8Lossy(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
