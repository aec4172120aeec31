import { describe, expect, test } from "vitest";
import { parseArrays, parseCrypts, parseVolumeGroups } from "../../../images/capture/stack-facts.ts";

function array(values: string, ...members: readonly string[]): string {
  return `array=md0\n${values}\n${members.map((one) => `member=${one}\n`).join("")}`;
}

describe("parseArrays()", () => {
  test("reads a mirror with a spare, members by slot", () => {
    const text = array(
      "level=raid1\ndisks=2\nchunk=0\nlayout=0\nmetadata=1.2",
      "sdc1\nslot=none",
      "sdb1\nslot=1",
      "cciss!c0d0p1\nslot=0",
    );

    expect(parseArrays(text)).toEqual([
      {
        device: "/dev/md0",
        level: "raid1",
        active: 2,
        members: ["/dev/cciss/c0d0p1", "/dev/sdb1", "/dev/sdc1"],
        metadata: "1.2",
      },
    ]);
  });

  test.each([
    ["raid5", "2", "left-symmetric"],
    ["raid6", "0", "left-asymmetric"],
    ["raid10", "258", "n2"],
    ["raid10", "513", "f2"],
    ["raid10", "66049", "o2"],
  ])("names the layout of %s with %s", (level, layout, name) => {
    const [one] = parseArrays(array(`level=${level}\ndisks=4\nchunk=524288\nlayout=${layout}\nmetadata=1.2`));

    expect(one).toMatchObject({ layout: name, chunkKib: 512 });
  });

  test("leaves containers of a firmware's RAID out", () => {
    expect(parseArrays(array("level=container\ndisks=2\nmetadata=external:imsm"))).toEqual([]);
  });
});

test("parseVolumeGroups() puts the three reports together", () => {
  const groups = parseVolumeGroups({
    vgs: "  vg0|4194304|8044675072|4194304\n",
    pvs: "  /dev/md1|vg0\n  /dev/sdc1|\n",
    lvs: "  vg0|root|7017070592|linear\n  vg0|swap_1|1023410176|linear\n",
  });

  expect(groups).toEqual([
    {
      name: "vg0",
      extentBytes: 4194304,
      size: 8044675072,
      free: 4194304,
      members: ["/dev/md1"],
      volumes: [
        { name: "root", size: 7017070592, segments: "linear" },
        { name: "swap_1", size: 1023410176, segments: "linear" },
      ],
    },
  ]);
});

test("parseCrypts() names the device below", () => {
  expect(parseCrypts("luks-root|vda3\nhome|mapper/vg0-home\n|\nodd\n")).toEqual([
    { name: "luks-root", device: "/dev/vda3" },
    { name: "home", device: "/dev/mapper/vg0-home" },
  ]);
});
