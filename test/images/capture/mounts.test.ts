import { describe, expect, test } from "vitest";
import { mountsBelow, parseMounts } from "../../../images/capture/mounts.ts";

// Lines as Debian 12 and openSUSE Leap 15.6 (btrfs) write them in /proc/self/mountinfo.
const mountinfo = String.raw`22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /sys rw - sysfs sysfs rw
25 22 254:2 / /boot rw - ext4 /dev/nvme0n1p2 rw
26 25 8:17 / /boot/efi rw - vfat /dev/mmcblk0p1 rw
27 22 254:1 /srv/data /export rw - ext4 /dev/vda1 rw
28 22 0:40 / /net/home rw - nfs4 nas:/home rw
29 22 11:0 / /media/cd ro - iso9660 /dev/sr0 ro
30 22 8:33 / /media/stick rw - vfat /dev/sdc1 rw
31 22 0:50 /@home /home rw - btrfs /dev/sdb1 rw
32 22 0:50 /@var /var rw - btrfs /dev/sdb1 rw
33 22 0:50 /@home/anna /anna rw - btrfs /dev/sdb1 rw
34 22 8:49 / /with\040blank\134 rw - xfs /dev/cciss/c0d0p1 rw
35 22 0:60 / /run rw - tmpfs tmpfs rw
36 22 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro`;

describe("parseMounts()", () => {
  const mounts = parseMounts(mountinfo, { removableDisks: ["/dev/sdc"] });

  test.each([
    ["/", "local"],
    ["/proc", "pseudo"],
    ["/boot", "local"],
    ["/boot/efi", "local"],
    ["/export", "bind"],
    ["/net/home", "network"],
    ["/media/cd", "removable"],
    ["/media/stick", "removable"],
    ["/home", "local"],
    ["/var", "local"],
    ["/anna", "bind"],
    ["/with blank\\", "local"],
    ["/run", "pseudo"],
    ["/snap/core/1", "pseudo"],
  ])("says that %s is %s", (mountPoint, kind) => {
    expect(mounts.find((mount) => mount.mountPoint === mountPoint)?.kind).toBe(kind);
  });

  test("takes the later of two mounts on one point", () => {
    const [mount, ...rest] = parseMounts(
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / / rw - xfs /dev/sda2 rw",
      {
        removableDisks: [],
      },
    );

    expect(mount?.source).toBe("/dev/sda2");
    expect(rest).toEqual([]);
  });

  test("makes nothing of lines that are no mounts", () => {
    expect(parseMounts("garbage\n\n - \n1 2", { removableDisks: [] })).toEqual([]);
  });
});

describe("mountsBelow()", () => {
  test("gives paths relative to a directory, its own filesystem first", () => {
    const mounts = parseMounts(mountinfo, { removableDisks: [] });

    expect(mountsBelow(mounts, "/boot").map(({ path, mount }) => [path, mount.source])).toEqual([
      ["", "/dev/nvme0n1p2"],
      ["efi", "/dev/mmcblk0p1"],
    ]);
  });
});
