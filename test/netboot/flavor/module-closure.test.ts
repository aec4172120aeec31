import { describe, expect, test } from "vitest";
import {
  closeModules,
  type KernelModule,
  moduleName,
  moduleNeeds,
} from "../../../netboot/flavor/module-closure.ts";

function module(path: string, ...info: (readonly [string, string])[]): KernelModule {
  return { path, info };
}

const modules = [
  module("drivers/block/virtio_blk.ko", ["depends", "virtio_ring,virtio"]),
  module("drivers/virtio/virtio.ko", ["depends", "virtio_ring"]),
  module("drivers/virtio/virtio_ring.ko", ["depends", ""]),
  module("drivers/md/dm-raid.ko", ["depends", "dm-mod,raid1"]),
  module("drivers/md/dm-mod.ko"),
  module("drivers/md/raid1.ko", ["softdep", "pre: crc32c post: absent"], ["alias", "md-raid1"]),
  module("crypto/crc32c.ko.xz"),
  module("drivers/bad/broken.ko", ["depends", "nowhere"]),
];

describe("closeModules()", () => {
  test("adds what the chosen modules need, directly and not, hard and soft", () => {
    const closure = closeModules(modules, ["drivers/block/*", "drivers/md/dm-raid"]);

    expect(closure).toEqual({
      paths: [
        "crypto/crc32c.ko.xz",
        "drivers/block/virtio_blk.ko",
        "drivers/md/dm-mod.ko",
        "drivers/md/dm-raid.ko",
        "drivers/md/raid1.ko",
        "drivers/virtio/virtio.ko",
        "drivers/virtio/virtio_ring.ko",
      ],
      unmatched: [],
      missing: [],
    });
  });

  test("tells which patterns chose nothing, and which dependencies are nowhere", () => {
    const closure = closeModules(modules, ["drivers/bad/*", "drivers/gone/driver"]);

    expect(closure).toEqual({
      paths: ["drivers/bad/broken.ko"],
      unmatched: ["drivers/gone/driver"],
      missing: ["nowhere"],
    });
  });
});

describe("moduleName()", () => {
  test.each([
    ["kernel/drivers/ata/ata-piix.ko", "ata_piix"],
    ["fs/ext4/ext4.ko.xz", "ext4"],
    ["dm-mod", "dm_mod"],
  ])("of %s is %s", (path, name) => {
    expect(moduleName(path)).toBe(name);
  });
});

test("moduleNeeds() takes all words of softdep but its keywords", () => {
  expect(moduleNeeds([["softdep", "pre: crypto-x  y post: z"]])).toEqual({
    hard: [],
    soft: ["crypto_x", "y", "z"],
  });
});
