/**
 * The index of a pack: which frames it has, which members, and the digest of each member's content. It is the pack's last
 * part, inside a zstd skippable frame (RFC 8878 section 3.1.2), so that `zstd -d` passes over it. Numbers are little-endian.
 *
 *     50 2A 4D 18 | u32 size of what follows
 *     frames  × { u32 compressed bytes | u32 uncompressed bytes | 32 bytes: SHA-256 of the compressed bytes }
 *     members × { u32 blocks of 512 bytes, headers and padding included | u32 of them header blocks; bit 31: has a digest }
 *     members × { 8 bytes: the first of the SHA-256 of the header blocks }
 *     members with a digest × { 32 bytes: SHA-256 of the content }
 *     footer: u32 frames | u32 members | u32 digests | u32 version = 1 | "INGOTPAK"
 */
import { hexAt } from "../../base/bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";

export const indexFooterBytes = 24;
export const digestBytes = 32;
export const headerKeyBytes = 8;
const skippableMagic = 0x184d2a50;
const indexVersion = 1;
const trailer = "INGOTPAK";
const hasDigest = 0x80000000;

export interface PackMember {
  /** 512-byte blocks, headers and padding included. */
  readonly blocks: number;
  readonly headerBlocks: number;
  /** First eight bytes of the SHA-256 of the header blocks: with the digest, it names the whole member. */
  readonly headerKey: Uint8Array;
  /** SHA-256 of a regular file's content. */
  readonly digest?: Uint8Array;
}

export interface PackFrame {
  readonly compressed: number;
  readonly raw: number;
  /** SHA-256 of the compressed bytes: a frame is checked before it is handed out as it is. */
  readonly digest: Uint8Array;
}

const frameBytes = 8 + digestBytes;

/** A decoded index. Columns are typed arrays because a pack may have a million members; digests and keys are views of what was read. */
export interface PackIndex {
  readonly frames: number;
  readonly members: number;
  /** frames + 1 offsets of compressed frames in the pack; the last is the end of the data. */
  readonly frameOffset: Float64Array;
  /** frames + 1 offsets in the uncompressed stream. */
  readonly frameRaw: Float64Array;
  readonly frameDigests: Uint8Array;
  /** members + 1 offsets in the uncompressed stream. */
  readonly memberRaw: Float64Array;
  readonly headerBlocks: Uint32Array;
  readonly headerKeys: Uint8Array;
  /** For each member the ordinal of its digest, or -1. */
  readonly digestOrdinal: Int32Array;
  readonly digests: Uint8Array;
}

/** Encodes the index as the skippable frame that ends a pack, in pieces. */
export function* encodePackIndex(
  frames: readonly PackFrame[],
  members: Iterable<PackMember> & { readonly length: number },
): Generator<Uint8Array> {
  let digests = 0;
  for (const member of members) {
    digests += member.digest === undefined ? 0 : 1;
  }
  const size = frames.length * frameBytes + members.length * 16 + digests * digestBytes + indexFooterBytes;
  yield words(skippableMagic, size);
  yield* inPieces(frames, frameBytes, (frame, piece, at) => {
    piece.set(words(frame.compressed, frame.raw), at);
    piece.set(frame.digest, at + 8);
    return frameBytes;
  });
  yield* inPieces(members, 8, (member, piece, at) => {
    const flag = member.digest === undefined ? 0 : hasDigest;
    piece.set(words(member.blocks, (member.headerBlocks | flag) >>> 0), at);
    return 8;
  });
  yield* inPieces(members, headerKeyBytes, (member, piece, at) => {
    piece.set(member.headerKey.subarray(0, headerKeyBytes), at);
    return headerKeyBytes;
  });
  yield* inPieces(members, digestBytes, (member, piece, at) => {
    piece.set(member.digest ?? [], at);
    return member.digest === undefined ? 0 : digestBytes;
  });
  yield words(frames.length, members.length, digests, indexVersion);
  yield new TextEncoder().encode(trailer);
}

const pieceBytes = 65_536;

/** Gathers what `put` writes of each item, at most `most` bytes; it tells how many those are. */
function* inPieces<T>(
  items: Iterable<T>,
  most: number,
  put: (item: T, piece: Uint8Array, at: number) => number,
): Generator<Uint8Array> {
  let piece = new Uint8Array(pieceBytes);
  let length = 0;
  for (const item of items) {
    if (length + most > pieceBytes) {
      yield piece.subarray(0, length);
      piece = new Uint8Array(pieceBytes);
      length = 0;
    }
    length += put(item, piece, length);
  }
  if (length > 0) {
    yield piece.subarray(0, length);
  }
}

/** Numbers of 32 bits, little-endian. */
function words(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, index) => {
    view.setUint32(index * 4, number, true);
  });
  return bytes;
}

/** Reads the footer, a pack's last bytes: how long the whole skippable frame before the pack's end is. */
export function indexLength(footer: Uint8Array): Result<number, string> {
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
  if (footer.length !== indexFooterBytes || new TextDecoder().decode(footer.subarray(16)) !== trailer) {
    return err("it does not end with a pack's index");
  }
  if (view.getUint32(12, true) !== indexVersion) {
    return err(`its index has version ${view.getUint32(12, true)}, which is not known`);
  }
  const [frames, members, digests] = [0, 4, 8].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  return ok(frames * frameBytes + members * 16 + digests * digestBytes + indexFooterBytes + 8);
}

/** Decodes the skippable frame; `packBytes` is the size of the pack, which the index must account for to the byte. */
export function decodePackIndex(bytes: Uint8Array, packBytes: number): Result<PackIndex, string> {
  const length = indexLength(bytes.subarray(-indexFooterBytes));
  if (!length.ok) {
    return length;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    length.value !== bytes.length ||
    view.getUint32(0, true) !== skippableMagic ||
    view.getUint32(4, true) !== bytes.length - 8
  ) {
    return err("its index has a wrong length");
  }
  const footer = bytes.length - indexFooterBytes;
  const [frames, members, digests] = [0, 4, 8].map((at) => view.getUint32(footer + at, true)) as [
    number,
    number,
    number,
  ];
  const frameOffset = new Float64Array(frames + 1);
  const frameRaw = new Float64Array(frames + 1);
  let at = 8;
  const frameDigests = new Uint8Array(frames * digestBytes);
  for (let i = 0; i < frames; i++, at += frameBytes) {
    frameDigests.set(bytes.subarray(at + 8, at + frameBytes), i * digestBytes);
    frameOffset[i + 1] = (frameOffset[i] as number) + view.getUint32(at, true);
    frameRaw[i + 1] = (frameRaw[i] as number) + view.getUint32(at + 4, true);
  }
  const memberRaw = new Float64Array(members + 1);
  const headerBlocks = new Uint32Array(members);
  const digestOrdinal = new Int32Array(members).fill(-1);
  let digest = 0;
  for (let i = 0; i < members; i++, at += 8) {
    memberRaw[i + 1] = (memberRaw[i] as number) + view.getUint32(at, true) * 512;
    const word = view.getUint32(at + 4, true);
    headerBlocks[i] = word & ~hasDigest;
    if ((word & hasDigest) !== 0) {
      digestOrdinal[i] = digest++;
    }
  }
  if (
    digest !== digests ||
    frameOffset[frames] !== packBytes - bytes.length ||
    frameRaw[frames] !== memberRaw[members]
  ) {
    return err("its index contradicts itself");
  }
  const keys = at;
  at += members * headerKeyBytes;
  return ok({
    frames,
    members,
    frameOffset,
    frameRaw,
    frameDigests,
    memberRaw,
    headerBlocks,
    headerKeys: bytes.subarray(keys, at),
    digestOrdinal,
    digests: bytes.subarray(at, at + digests * digestBytes),
  });
}

/** The frame that holds the byte at `raw` of the uncompressed stream. */
export function frameAt(index: PackIndex, raw: number): number {
  let low = 0;
  let high = index.frames - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((index.frameRaw[middle] as number) <= raw) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** SHA-256 of a frame's compressed bytes. */
export function frameDigest(index: PackIndex, frame: number): Uint8Array {
  return index.frameDigests.subarray(frame * digestBytes, (frame + 1) * digestBytes);
}

/** The digest of a member's content; undefined where it has none. */
export function memberDigest(index: PackIndex, member: number): Uint8Array | undefined {
  const ordinal = index.digestOrdinal[member] ?? -1;
  return ordinal < 0 ? undefined : index.digests.subarray(ordinal * digestBytes, (ordinal + 1) * digestBytes);
}

/** As {@link memberDigest}, lower-case hex. */
export function memberDigestHex({ digestOrdinal, digests }: PackIndex, member: number): string | undefined {
  const ordinal = digestOrdinal[member] ?? -1;
  return ordinal < 0 ? undefined : hexAt(digests, ordinal * digestBytes, (ordinal + 1) * digestBytes);
}

/** The first bytes of the SHA-256 of a member's header. */
export function memberHeaderKey({ headerKeys }: PackIndex, member: number): Uint8Array {
  return headerKeys.subarray(member * headerKeyBytes, (member + 1) * headerKeyBytes);
}
