/** Where a GPT says that its disk ends: a copy that was cut short shows here even where no partition was hit. */

const signature = "EFI PART";

/** The byte after the backup header, by the primary header (UEFI 5.3.2) of a disk's first sectors; undefined where there is none. */
export function gptEnd(head: Uint8Array, sector = 512): number | undefined {
  const text = Buffer.from(head.subarray(sector, sector + 8)).toString("latin1");
  if (text !== signature || head.length < sector + 40) {
    return undefined;
  }
  const backup = new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(sector + 32, true);
  const end = (backup + 1n) * BigInt(sector);
  return end > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(end);
}
