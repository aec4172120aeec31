import { describe, expect, it } from "vitest";
import { byteSize } from "../../../base/quantity.ts";
import { degradedNotes, renamed, type StackReport, stackParts } from "../../../images/disk/stack-parts.ts";

const filesystem = (device: string, type: string) => ({ device, type, size: byteSize(1000) });
const report: StackReport = {
  facts: {
    filesystems: [
      filesystem("/dev/vda2", "linux_raid_member"),
      filesystem("/dev/md127", "LVM2_member"),
      filesystem("/dev/md126", "ext4"),
      filesystem("/dev/mapper/vg--a-root", "ext4"),
      filesystem("/dev/mapper/vg--a-root_rimage_0", "ext4"),
    ],
    arrays: [
      { device: "/dev/md127", level: "raid1", active: 2, members: ["/dev/vda2", "/dev/vda3"] },
      { device: "/dev/md126", level: "raid1", active: 2, members: ["/dev/vda1"] },
    ],
    volumeGroups: [
      {
        name: "vg-a",
        extentBytes: 4096,
        size: 1,
        free: 0,
        members: ["/dev/md127"],
        volumes: [{ name: "root", size: 1, segments: "linear" }],
      },
    ],
  },
  arrayLinks: "/dev/md/boot /dev/md126\n",
  arrayStates: "md127 : active raid1 vda3[1] vda2[0]\nmd126 : active raid1 vda1[0]\n",
  missing: "  vg-a|0\n",
};

describe("the stack on a disk", () => {
  it("has its arrays and volumes under the names that a system may use, and not what only LVM sees", () => {
    const { parts } = stackParts("disk", report);

    expect(parts.map(({ names }) => names)).toEqual([
      ["/dev/md127"],
      ["/dev/md126", "/dev/md/boot"],
      ["/dev/vg-a/root", "/dev/mapper/vg--a-root"],
    ]);
  });

  it("tells which arrays are not whole, and names partitions as the system does", () => {
    const stack = stackParts("disk", report);

    expect(degradedNotes(stack)).toEqual([
      expect.stringMatching(/^array \/dev\/md126 \(raid1\).* 1 of its 2 members/),
    ]);
    const { arrays, volumeGroups } = renamed(stack, (number) => `/dev/nvme0n1p${number}`);
    expect(arrays.map(({ members }) => members.join(" "))).toEqual([
      "/dev/nvme0n1p2 /dev/nvme0n1p3",
      "/dev/nvme0n1p1",
    ]);
    expect(volumeGroups[0]?.members).toEqual(["/dev/md127"]);
  });

  it.each([
    ["a group without one of its disks", { missing: "  vg-a|1\n" }, /volume group vg-a lacks 1 /],
    [
      "an array that cannot be started",
      { arrayStates: "md127 : inactive vda3[1](S)\n" },
      /the array of partition 3 cannot be started/,
    ],
    [
      "an encrypted volume",
      {
        facts: {
          ...report.facts,
          filesystems: [filesystem("/dev/mapper/vg--a-root", "crypto_LUKS")],
        },
      },
      /\/dev\/vg-a\/root is part of an encrypted volume/,
    ],
  ])("is refused with %s", (_what, change, message) => {
    expect(() => stackParts("disk", { ...report, ...change })).toThrow(message);
  });
});
