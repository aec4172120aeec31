import { expect, test } from "vitest";
import { checkLayout } from "../../../autoinstall/layout/check.ts";
import { encodeLayout } from "../../../autoinstall/layout/encode.ts";
import { layoutFromFacts } from "../../../autoinstall/layout/from-facts.ts";
import type { FstabEntry } from "../../../autoinstall/layout/model.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { expectGolden } from "../golden-file.ts";
import { fixtureLayout, planOf } from "../layout-fixture.ts";
import { debianFacts } from "./facts-fixture.ts";
import { stackedFacts } from "./stacked-facts.ts";

const disks = ["/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/xvda", "/dev/cciss/c0d0"];

test.each(disks)("a golden client on %s gives a layout without errors that can be installed", (disk) => {
  const { layout } = layoutFromFacts(debianFacts(disk));

  expect(checkLayout(layout)).toEqual([]);
  expect(layout.disks.map(({ device }) => device)).toEqual([disk]);
  expect(planOf(layout).ok).toBe(true);
});

test("the file is as an administrator knows it", () => {
  const { layout, diagnostics } = layoutFromFacts(debianFacts("/dev/vda"));

  const notes = diagnostics.map(({ code, message }) => `${code}: ${message}\n`).join("");
  expectGolden("from-facts-debian.conf", `${encodeLayout(layout)}\n${notes}`);
});

test("an empty file of that client is rebuilt from its own table", () => {
  const facts = { ...debianFacts("/dev/vda") };
  const { layout } = repairLayout(fixtureLayout("vda-missing-disk"), { facts });

  expectGolden("vda-missing-disk.from-table.conf", encodeLayout(layout));
});

test("LVM that the probe could not read is told and refused at install time, not dropped", () => {
  const facts = debianFacts("/dev/vda");
  const lvm = {
    ...facts,
    filesystems: [
      { device: "/dev/vda2", type: "LVM2_member" },
      {
        device: "/dev/mapper/vg-root",
        type: "ext4",
        uuid: "11111111-aaaa-4bbb-8ccc-000000000002",
        mountPoint: "/",
      },
    ],
    mounts: [
      { source: "/dev/mapper/vg-root", mountPoint: "/", type: "ext4", options: "rw", kind: "local" as const },
    ],
  };
  const { layout, diagnostics } = layoutFromFacts(lvm);

  expect(diagnostics.map(({ code }) => code)).toContain("stack-unknown");
  const root = layout.lines.find(
    (line): line is FstabEntry => line.kind === "entry" && line.mountPoint === "/",
  );
  expect(root?.device).toBe("/dev/mapper/vg-root");
  expect(checkLayout(layout).map(({ code }) => code)).toContain("volume-missing");
});

test("a client on a mirror with volume groups gives a layout that can be installed", () => {
  const { layout, diagnostics } = layoutFromFacts(stackedFacts());

  expect(diagnostics.filter(({ severity }) => severity !== "note")).toEqual([]);
  expect(checkLayout(layout)).toEqual([]);
  expectGolden("from-facts-stacked.conf", encodeLayout(layout));
});

test("a file without arrays and groups gets them back from the client", () => {
  const facts = stackedFacts();
  const whole = layoutFromFacts(facts).layout;
  const partitions = (groups: boolean) =>
    whole.disks.map((disk) => ({
      ...disk,
      partitions: disk.partitions.map(({ volumeGroup, ...one }) =>
        groups && volumeGroup !== undefined ? { ...one, volumeGroup } : one,
      ),
    }));
  const bare = { ...whole, disks: partitions(true), raids: [], lvm: [] };

  const { layout, remaining } = repairLayout(bare, { facts });

  expect(remaining).toEqual([]);
  expect(layout.raids.map(({ name }) => name)).toEqual(["/dev/md0", "/dev/md1"]);
  expect(layout.lvm.flatMap(({ groups }) => groups.map(({ name }) => name))).toEqual(["vg0"]);
});
