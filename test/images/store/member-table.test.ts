import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../base/bytes.ts";
import { allSlices } from "../../../base/slices.ts";
import { MemberTable } from "../../../images/store/member-table.ts";
import { decodePackIndex, encodePackIndex, type PackIndex } from "../../../images/store/pack-index.ts";

function keyOf(value: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, value % 17, true);
  new DataView(key.buffer).setUint32(20, value, true);
  return key;
}

/** A pack's index whose members have these digests; of one without a digest, the key of the header is given. */
function indexOf(keys: readonly Uint8Array[]): PackIndex {
  const members = keys.map((key) => ({
    blocks: 1,
    headerBlocks: 1,
    headerKey: key.subarray(0, 8),
    ...(key.length === 32 ? { digest: key } : {}),
  }));
  const digest = new Uint8Array(32);
  const bytes = concatBytes([
    ...encodePackIndex([{ compressed: 100, raw: members.length * 512, digest }], members),
  ]);
  const index = decodePackIndex(bytes, 100 + bytes.length);
  if (!index.ok) {
    throw new Error(index.error);
  }
  return index.value;
}

function tableOf(indexes: readonly PackIndex[]): MemberTable {
  return allSlices(MemberTable.of(indexes));
}

describe("MemberTable", () => {
  it("finds every one of many members in many packs, also where keys begin alike", () => {
    const packs = [1000, 0, 1, 1500, 499];
    let next = 0;
    const table = tableOf(packs.map((count) => indexOf(Array.from({ length: count }, () => keyOf(next++)))));

    const found = Array.from({ length: 3000 }, (_, i) => table.get(keyOf(i)));

    expect(found).toEqual(
      packs.flatMap((count, pack) => Array.from({ length: count }, (_, member) => ({ pack, member }))),
    );
    expect(table.get(keyOf(3000))).toBeUndefined();
  });

  it("keeps the first of two members with one key", () => {
    const table = tableOf([indexOf([keyOf(0), keyOf(1)]), indexOf([keyOf(1)])]);

    expect(table.get(keyOf(1))).toEqual({ pack: 0, member: 1 });
  });

  it("finds a member without content by its header", () => {
    const header = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const table = tableOf([indexOf([keyOf(5), header])]);

    expect(table.get(header)?.member).toBe(1);
    expect(table.get(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 9]))).toBeUndefined();
  });

  it("has nothing where there are no packs", () => {
    expect(tableOf([]).get(keyOf(0))).toBeUndefined();
  });
});
