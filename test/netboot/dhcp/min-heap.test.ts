import { describe, expect, it } from "vitest";
import { MinHeap } from "../../../netboot/dhcp/min-heap.ts";

describe("MinHeap", () => {
  it("hands out the smallest first, whatever the order in which they came", () => {
    const keys = Array.from({ length: 500 }, (_, index) => (index * 7919) % 251);
    const heap = new MinHeap<number>();
    for (const key of keys) {
      heap.push(key, key);
    }

    const out = keys.map(() => heap.pop());

    expect(out).toEqual([...keys].sort((a, b) => a - b));
    expect([heap.peek(), heap.pop(), heap.size]).toEqual([undefined, undefined, 0]);
  });
});
