import type { BigIntStats } from "node:fs";
import { describe, expect, it } from "vitest";
import type { PackIndex } from "../../../images/store/pack-index.ts";
import { PackIndexes } from "../../../images/store/pack-indexes.ts";

const stats = { dev: 1n, ino: 2n, size: 3n, ctimeNs: 4n } as BigIntStats;

describe("PackIndexes", () => {
  it("gives the same index to all who open the same file", () => {
    const indexes = new PackIndexes();
    const index = { frames: 1 } as PackIndex;
    indexes.add(stats, index);

    expect(indexes.get({ ...stats } as BigIntStats)).toBe(index);
  });

  it.each(["dev", "ino", "size", "ctimeNs"])("knows nothing of a file with another %s", (field) => {
    const indexes = new PackIndexes();
    const index = { frames: 1 } as PackIndex;
    indexes.add(stats, index);

    expect(indexes.get({ ...stats, [field]: 9n } as BigIntStats)).toBeUndefined();
    expect(index.frames).toBe(1);
  });
});
