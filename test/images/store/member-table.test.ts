import { describe, expect, it } from "vitest";
import { MemberTable } from "../../../images/store/member-table.ts";

function keyOf(value: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, value % 17, true);
  new DataView(key.buffer).setUint32(20, value, true);
  return key;
}

describe("MemberTable", () => {
  it("finds every one of many members, also where keys begin alike", () => {
    const table = new MemberTable();
    for (let i = 0; i < 3000; i++) {
      table.add(keyOf(i), { pack: i % 3, member: i });
    }

    expect(Array.from({ length: 3000 }, (_, i) => table.get(keyOf(i))?.member)).toEqual(
      Array.from({ length: 3000 }, (_, i) => i),
    );
    expect(table.get(keyOf(3000))).toBeUndefined();
  });

  it("keeps the first of two members with one key", () => {
    const table = new MemberTable();
    table.add(keyOf(1), { pack: 0, member: 1 });
    table.add(keyOf(1), { pack: 1, member: 2 });

    expect(table.get(keyOf(1))).toEqual({ pack: 0, member: 1 });
  });

  it("takes short keys as filled up with zeros", () => {
    const table = new MemberTable();
    table.add(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), { pack: 0, member: 5 });

    expect(table.get(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))?.member).toBe(5);
  });
});
