import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { partitionDevice } from "../../../autoinstall/layout/device-name.ts";
import { encodeLayout } from "../../../autoinstall/layout/encode.ts";
import { fitTable } from "../../../autoinstall/layout/fit.ts";
import {
  type DiskLayout,
  emptyLayout,
  type FilesystemLine,
  type LayoutDisk,
  plain,
} from "../../../autoinstall/layout/model.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { tableOf } from "../../../autoinstall/layout/table.ts";
import { withoutPositions } from "../layout-fixture.ts";

const text = fc.string({ unit: fc.constantFrom(..."ab /\\'\"$`<>&;=-é0"), maxLength: 12 });
const comments = fc.array(fc.string({ unit: fc.constantFrom(..."ab <&'\n"), maxLength: 10 }), {
  maxLength: 2,
});
const size = fc.oneof(
  fc.record({ kind: fc.constant("amount" as const), value: fc.integer({ min: 1, max: 5000 }) }),
  fc.constant({ kind: "rest" as const }),
  fc.constantFrom("10G", "x", "512MB", "40%").map((one) => ({ kind: "invalid" as const, text: one })),
);
const device = fc.constantFrom("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/cciss/c0d0", "/dev/odd");
const partition = fc.record({
  number: fc.integer({ min: 0, max: 7 }),
  size,
  type: fc.constantFrom("primary" as const, "primary" as const, "extended" as const, "logical" as const),
  flags: fc.subarray(["boot", "esp", "swap", "bios_grub", "lvm"]),
  comments,
});
const disk: fc.Arbitrary<LayoutDisk> = fc.record({
  device,
  label: fc.constantFrom("msdos", "gpt", "", "dos", "bsd"),
  unit: fc.constantFrom("MB", "%", "", "GB", "elephants"),
  partitions: fc.array(
    partition.map((one) => ({ ...plain, ...one })),
    { maxLength: 6 },
  ),
  trailing: comments,
  comments,
  extra: fc.constantFrom([], [["site", "x"] as const]),
  foreign: fc.constant([]),
});
const line: fc.Arbitrary<FilesystemLine> = fc.oneof(
  fc
    .record({ kind: fc.constant("comment" as const), line: fc.nat(5), text })
    .map((one) => ({ ...plain, ...one })),
  fc
    .record({
      kind: fc.constant("entry" as const),
      line: fc.nat(60),
      device: fc.oneof(
        fc
          .tuple(device, fc.integer({ min: 1, max: 7 }))
          .map(([name, number]) => partitionDevice(name, number)),
        fc.constantFrom("/dev/nvme0n12", "tmpfs", "/dev/md0", "/dev/mapper/x"),
      ),
      mountPoint: fc.constantFrom("/", "/boot", "swap", "/home", "relative", "/a/../b"),
      filesystem: fc.constantFrom("ext4", "xfs", "swap", "vfat", "btrfs", "f2fs"),
      options: text,
      format: fc.boolean(),
    })
    .map((one) => ({ ...plain, ...one })),
);
const layout: fc.Arbitrary<DiskLayout> = fc
  .record({ disks: fc.array(disk, { maxLength: 2 }), lines: fc.array(line, { maxLength: 6 }), comments })
  .map((one) => ({ ...emptyLayout, ...one }));

test("repairing a repaired layout changes nothing", () => {
  fc.assert(
    fc.property(layout, (one) => {
      const first = repairLayout(one);
      const second = repairLayout(first.layout);

      expect(second.repairs).toEqual([]);
      expect(second.layout).toEqual(first.layout);
    }),
    { numRuns: 300 },
  );
});

test("what is written reads back, and is written the same again", () => {
  fc.assert(
    fc.property(layout, (one) => {
      const written = encodeLayout(one);
      const read = decodeLayout(written).layout;

      expect(withoutPositions(read)).toEqual(withoutPositions(one));
      expect(read === undefined ? "" : encodeLayout(read)).toBe(written);
    }),
    { numRuns: 300 },
  );
});

test("decoding never throws, whatever the text", () => {
  const pieces = fc.constantFrom(
    "<config>",
    "</config>",
    "<disk ",
    'dev="/dev/vda"',
    ">",
    "/>",
    "<!--",
    "-->",
    "<fsinfo",
    "&#x",
    "&lt;",
    "<![CDATA[",
    "]]>",
    "\u0000",
    "<?x?>",
    " a='1'",
    "<!DOCTYPE x>",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string())), (parts) => {
      const { layout: read, diagnostics } = decodeLayout(parts.join(""));

      expect(read !== undefined || diagnostics.length > 0).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("fitted partitions lie in order inside the disk and never overlap", () => {
  fc.assert(
    fc.property(layout, fc.integer({ min: 1, max: 3_000_000 }), (one, mib) => {
      const { layout: good, remaining } = repairLayout(one);
      for (const target of remaining.length > 0 ? [] : good.disks) {
        const fitted = fitTable(tableOf(good, target), mib * 1024 ** 2);
        const outer = (fitted.ok ? fitted.value : []).filter(({ row }) => row.type !== "logical");
        let end = 1;
        for (const { startMib, sizeMib } of outer) {
          expect(startMib).toBeGreaterThanOrEqual(end);
          expect(sizeMib).toBeGreaterThan(0);
          end = startMib + sizeMib;
        }
        expect(end).toBeLessThanOrEqual(Math.max(mib, 1));
      }
    }),
    { numRuns: 500 },
  );
});
