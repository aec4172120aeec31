/**
 * The header of a qcow2 file, looked at before any program opens it: a file from elsewhere must not name other files of this
 * server as its backing or data file. Layout: docs/interop/qcow2.txt of QEMU; all numbers are big-endian.
 */
import { err, ok, type Result } from "../../base/result.ts";

/** Bytes of a file's head that {@link checkQcow2} wants. */
export const qcow2HeadBytes = 104;

const magic = 0x51_46_49_fb;
/** Incompatible features: dirty, corrupt, external data file, compression type, extended L2 entries. */
const knownFeatures = 0b11111n;
const corrupt = 2n;
const externalData = 4n;

export function isQcow2(head: Uint8Array): boolean {
  return head.length >= 4 && view(head).getUint32(0) === magic;
}

/** The sizes of the disk inside and of its clusters, or why the file is not taken. */
export function checkQcow2(
  head: Uint8Array,
): Result<{ readonly diskBytes: number; readonly clusterBytes: number }, string> {
  if (head.length < 72 || !isQcow2(head)) {
    return err("its header is cut short");
  }
  const fields = view(head);
  const version = fields.getUint32(4);
  if (version !== 2 && version !== 3) {
    return err(`byte 4: version ${version} of the format is not known`);
  }
  if (fields.getBigUint64(8) !== 0n) {
    return err("byte 8: it has a backing file, so it is not a whole disk");
  }
  if (fields.getUint32(32) !== 0) {
    return err("byte 32: it is encrypted");
  }
  const clusterBits = fields.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) {
    return err(`byte 20: clusters of 2^${clusterBits} bytes cannot be`);
  }
  const size = fields.getBigUint64(24);
  if (size === 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    return err(`byte 24: a disk of ${size} bytes cannot be`);
  }
  if (version === 3) {
    if (head.length < qcow2HeadBytes) {
      return err("its header is cut short");
    }
    const features = fields.getBigUint64(72);
    if ((features & externalData) !== 0n) {
      return err("byte 72: its data lie in another file");
    }
    if ((features & corrupt) !== 0n) {
      return err("byte 72: it is marked as corrupt");
    }
    if ((features & ~knownFeatures) !== 0n) {
      return err("byte 72: it uses a feature that is not known");
    }
  }
  return ok({ diskBytes: Number(size), clusterBytes: 2 ** clusterBits });
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
