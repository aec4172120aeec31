import { describe, expect, test } from "vitest";
import { parseProbe } from "../../../images/capture/golden-facts.ts";

/** As images/capture/client/probe.sh prints it on a Debian 12 guest with a virtio disk; sections without use here are left out. */
function output(sections: Readonly<Record<string, string>>): string {
  return Object.entries({ ...sections, end: "" })
    .map(([name, text]) => `\n\x1e${name}\n${text}`)
    .join("");
}

const debian = {
  uid: "0\n",
  uname: "web1\n6.1.0-18-amd64\nx86_64\n",
  "os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
  mountinfo: "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n",
  swaps: "Filename Type Size Used Priority\n/dev/vda5 partition 998396 0 -2\n",
  fstab: "UUID=1-2 / ext4 errors=remount-ro 0 1\n",
  cmdline: "BOOT_IMAGE=/boot/vmlinuz root=UUID=1-2 ro quiet\n",
  df: "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 9000000 1200000 7000000 15% /\n",
  "df-inodes": "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda1 600000 42000 558000 7% /\n",
  sysfs: "disk=vda\nsize=20971520\nro=0\nremovable=0\nrotational=1\nlogical=512\nphysical=512\nmodel=\n",
  lsblk: '{"blockdevices":[{"name":"vda","type":"disk","size":"10737418240","model":null,"tran":"virtio"}]}',
  blkid: "DEVNAME=/dev/vda1\nUUID=1-2\nTYPE=ext4\n",
  "sfdisk /dev/vda":
    "label: dos\nlabel-id: 0xabcd\nsector-size: 512\n\n/dev/vda1 : start=2048, size=19000000, type=83, bootable\n",
  "boot-code /dev/vda": " eb 63 90 47 52 55 42 20\n",
  "boot-files": "/boot/grub/grub.cfg\n",
  find: "find (GNU findutils) 4.9.0\n",
  tar: "tar (GNU tar) 1.34\n",
  "tar-abilities": "xattrs\nacls\n",
  programs: "sha256sum\ngetfattr\n",
};

describe("parseProbe()", () => {
  test("puts a machine with /dev/vda together", () => {
    const facts = parseProbe(output(debian));

    expect(facts).toMatchObject({
      ok: true,
      value: {
        hostname: "web1",
        os: { id: "debian", versionId: "12" },
        firmware: "bios",
        root: true,
        disks: [
          {
            device: "/dev/vda",
            size: 10737418240,
            label: "msdos",
            labelId: "abcd",
            transport: "virtio",
            partitions: [{ number: 1, device: "/dev/vda1", bootable: true }],
          },
        ],
        filesystems: [
          { device: "/dev/vda1", type: "ext4", used: 1228800000, entries: 42000, mountPoint: "/" },
          { device: "/dev/vda5", type: "swap" },
        ],
        bootLoader: { kind: "grub2", disks: ["/dev/vda"] },
        tools: { gnuFind: "4.9.0", gnuTar: "1.34", tarXattrs: true, tarSelinux: false, zstd: false },
      },
    });
  });

  test("goes on without every tool that may be missing", () => {
    const facts = parseProbe(
      output({ uname: "old\n2.6.32\ni686\n", "release-file": "CentOS release 6.10 (Final)\n" }),
    );

    expect(facts).toMatchObject({
      ok: true,
      value: {
        os: { id: "centos", versionId: "6.10" },
        disks: [],
        root: false,
        bootLoader: { kind: "unknown" },
      },
    });
  });

  test("refuses output that was cut short", () => {
    expect(parseProbe(output(debian).slice(0, -10)).ok).toBe(false);
  });
});
