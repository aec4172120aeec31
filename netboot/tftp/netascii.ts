/** Netascii (RFC 764 by way of RFC 1350): a line feed becomes CR LF, a carriage return CR NUL. */
export function toNetascii(bytes: Uint8Array): Uint8Array {
  const extra = bytes.reduce((count, byte) => (byte === 10 || byte === 13 ? count + 1 : count), 0);
  const out = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (byte === 10) {
      out[at++] = 13;
    }
    out[at++] = byte;
    if (byte === 13) {
      out[at++] = 0;
    }
  }
  return out;
}
