import { expect, test } from "vitest";
import { drawLayout } from "../../../autoinstall/layout/draw.ts";
import { fitLayout } from "../../../autoinstall/layout/fit.ts";
import { repairLayout } from "../../../autoinstall/layout/repair.ts";
import { fixtureLayout } from "../layout-fixture.ts";

const vda = repairLayout(fixtureLayout("vda")).layout;

test("a disk is a bar to scale and a line per partition", () => {
  expect(drawLayout(vda, { width: 60 })).toBe(
    `/dev/vda (msdos)
| 1 | 2 /                                     | 3 swap   |
  /dev/vda1  101 MB    ext3  /boot  LABEL=/boot      boot
  /dev/vda2  10676 MB  ext3  /      LABEL=/
  /dev/vda3  2097 MB   swap  swap   LABEL=SWAP-vda3
`,
  );
});

test("what a machine's disk makes of it stands beside", () => {
  const fitted = fitLayout(vda, { targets: [{ device: "/dev/nvme0n1", size: 20e9 }] });
  const drawn = drawLayout(vda, fitted.ok ? { width: 60, fitted: fitted.value } : {});

  expect(drawn).toContain("/dev/vda (msdos) -> /dev/nvme0n1, ");
  expect(drawn).toContain("/dev/nvme0n1p2");
});

test("control characters of a hostile file do not reach the terminal", () => {
  const disk = { ...vda.disks[0]!, device: "/dev/vda\u001b[2J" };

  expect(drawLayout({ ...vda, disks: [disk] })).not.toContain("\u001b");
});

test("no line is wider than asked for, however many partitions there are", () => {
  const first = vda.disks[0]!;
  const partitions = Array.from({ length: 12 }, (_, index) => ({
    ...first.partitions[1]!,
    number: index + 1,
  }));
  const [, bar = ""] = drawLayout({ ...vda, disks: [{ ...first, partitions }] }, { width: 70 }).split("\n");

  expect(bar.length).toBeLessThanOrEqual(70);
});

test("arrays and groups follow the disks, each with what lies on it", () => {
  const drawn = drawLayout(repairLayout(fixtureLayout("lvm-over-raid")).layout, { width: 40 });

  expect(drawn).toContain("  /dev/sda2  rest    -     /dev/md0    raid\n");
  expect(drawn.slice(drawn.indexOf("\n\n/dev/md0"))).toBe(`

/dev/md0  RAID 1 of /dev/sda2 /dev/sdb2  vg0
vg0  volume group on /dev/md0
  /dev/vg0/root  rest  ext4  /
`);
});
