import { describe, expect, it } from "vitest";
import type { Ipv4Address } from "../../../base/net-types.ts";
import { poolWithout } from "../../../server/exports/site.ts";

const ip = (last: number): Ipv4Address => `10.77.0.${last}` as Ipv4Address;

describe("poolWithout()", () => {
  it.each([
    ["nobody's", [], [[100, 120]]],
    [
      "one inside",
      [105],
      [
        [100, 104],
        [106, 120],
      ],
    ],
    [
      "the first, the last, one twice and neighbours",
      [120, 100, 101, 110, 110],
      [
        [102, 109],
        [111, 119],
      ],
    ],
    ["those outside", [99, 121], [[100, 120]]],
  ] as const)("leaves out %s", (_, taken, ranges) => {
    expect(poolWithout({ from: ip(100), to: ip(120) }, taken.map(ip))).toEqual(
      ranges.map(([from, to]) => ({ from: ip(from), to: ip(to) })),
    );
  });

  it("leaves nothing of a pool that is all taken, or that is not there", () => {
    expect(poolWithout({ from: ip(5), to: ip(6) }, [ip(5), ip(6)])).toEqual([]);
    expect(poolWithout(undefined, [])).toEqual([]);
  });
});
