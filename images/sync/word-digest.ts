/**
 * Digests of 64 bits for tables of what was seen. Two of a million words that share a digest by accident are one chance in ten million;
 * who made them on purpose would only leave his own change out of his own image.
 */

/** The cells of 32 bits that a digest takes. */
export const wordCells = 2;

/** Writes a latin1 text's digest: two lanes of 32 bits, each mixed after every character and once more at the end (the finish of MurmurHash3). */
export function putWordDigest(text: string, into: Uint32Array, at: number): void {
  let first = 0x2545f491;
  let second = 0x6c078965;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    first = Math.imul(first ^ code, 0x9e3779b1);
    second = Math.imul(second ^ code, 0x85ebca77);
    first ^= first >>> 15;
    second ^= second >>> 13;
  }
  into[at] = finish(first ^ text.length);
  into[at + 1] = finish(second ^ first);
}

function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
