import fc from "fast-check";
import { expect, it } from "vitest";
import { allSlices, sortInSlices } from "../../base/slices.ts";

it("sortInSlices() sorts as sort() does, and keeps what is equal in order", () => {
  const items = Array.from({ length: 23_000 }, (_, index) => ({ key: (index * 7919) % 101, index }));
  const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;

  expect(allSlices(sortInSlices(items, compare))).toEqual([...items].sort(compare));
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      expect(allSlices(sortInSlices(numbers, (a, b) => a - b))).toEqual([...numbers].sort((a, b) => a - b));
    }),
  );
});
