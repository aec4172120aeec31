/**
 * What of which Debian package goes into the install ramdisk. Paths are as on a merged system (`usr/bin`, never `bin`),
 * without the leading slash; `*` does not cross a slash. Shared libraries are not listed: programs say what they need.
 * A pattern that finds nothing fails the build, so a file that moved in a later Debian is noticed where it can be mended.
 */
import type { FlavorArch } from "./flavor.ts";

export interface PackageSelection {
  readonly name: string;
  readonly files: readonly string[];
}

const lvmCommands = ["lv*", "pv*", "vg*"].map((name) => `usr/sbin/${name}`);
const udevRules = [
  "50-udev-default",
  "60-block",
  "60-cdrom_id",
  "60-persistent-storage",
  "60-serial",
  "64-btrfs",
  "80-debian-compat",
  "80-drivers",
].map((name) => `usr/lib/udev/rules.d/${name}.rules`);

export const standardPackages: readonly PackageSelection[] = [
  { name: "attr", files: ["usr/bin/getfattr", "usr/bin/setfattr"] },
  { name: "acl", files: ["usr/bin/getfacl", "usr/bin/setfacl"] },
  { name: "btrfs-progs", files: ["usr/bin/btrfs", "usr/sbin/mkfs.btrfs"] },
  { name: "busybox-static", files: ["usr/bin/busybox"] },
  { name: "coreutils", files: ["usr/bin/*", "usr/sbin/chroot"] },
  { name: "cryptsetup-bin", files: ["usr/sbin/cryptsetup"] },
  { name: "curl", files: ["usr/bin/curl"] },
  { name: "dash", files: ["usr/bin/dash"] },
  {
    name: "dmsetup",
    files: [
      "usr/sbin/dmsetup",
      "usr/lib/udev/rules.d/55-dm.rules",
      "usr/lib/udev/rules.d/60-persistent-storage-dm.rules",
      "usr/lib/udev/rules.d/95-dm-notify.rules", // without it lvm waits for udev for ever
    ],
  },
  { name: "dosfstools", files: ["usr/sbin/fatlabel", "usr/sbin/fsck.*", "usr/sbin/mkfs.*"] },
  { name: "dropbear-bin", files: ["usr/bin/dropbearkey", "usr/sbin/dropbear"] },
  {
    name: "e2fsprogs",
    files: [
      "etc/mke2fs.conf",
      "usr/bin/chattr",
      "usr/bin/lsattr",
      ...[
        "debugfs",
        "dumpe2fs",
        "e2fsck",
        "e2label",
        "fsck.ext?",
        "mke2fs",
        "mkfs.ext?",
        "resize2fs",
        "tune2fs",
      ].map((name) => `usr/sbin/${name}`),
    ],
  },
  { name: "efibootmgr", files: ["usr/bin/efibootmgr"] },
  { name: "f2fs-tools", files: ["usr/sbin/mkfs.f2fs"] },
  { name: "fdisk", files: ["usr/sbin/sfdisk"] },
  { name: "findutils", files: ["usr/bin/find", "usr/bin/xargs"] },
  { name: "grep", files: ["usr/bin/grep"] },
  { name: "kexec-tools", files: ["usr/sbin/kexec"] },
  { name: "kmod", files: ["usr/bin/kmod", "usr/bin/lsmod", "usr/sbin/*", "usr/lib/modprobe.d/*"] },
  { name: "libgcc-s1", files: ["usr/lib/*/libgcc_s.so.1"] }, // pthread_cancel loads it by name
  {
    name: "lvm2",
    files: ["etc/lvm/lvm.conf", "usr/sbin/lvm", ...lvmCommands, "usr/lib/udev/rules.d/56-lvm.rules"],
  },
  { name: "mdadm", files: ["usr/sbin/mdadm", "usr/lib/udev/rules.d/63-md-raid-arrays.rules"] },
  {
    name: "mount",
    files: ["usr/bin/mount", "usr/bin/umount", "usr/sbin/losetup", "usr/sbin/swapon", "usr/sbin/swapoff"],
  },
  { name: "parted", files: ["usr/sbin/parted", "usr/sbin/partprobe"] },
  { name: "sed", files: ["usr/bin/sed"] },
  { name: "tar", files: ["usr/bin/tar"] },
  {
    name: "udev",
    files: [
      "usr/bin/udevadm",
      "usr/lib/systemd/systemd-udevd",
      "usr/lib/udev/ata_id",
      "usr/lib/udev/cdrom_id",
      "usr/lib/udev/scsi_id",
      ...udevRules,
    ],
  },
  {
    name: "util-linux",
    files: [
      ...[
        "dmesg",
        "findmnt",
        "flock",
        "getopt",
        "lsblk",
        "mountpoint",
        "nsenter",
        "partx",
        "setsid",
        "unshare",
      ].map((name) => `usr/bin/${name}`),
      ...[
        "blkdiscard",
        "blkid",
        "blockdev",
        "findfs",
        "fsfreeze",
        "mkswap",
        "swaplabel",
        "switch_root",
        "wipefs",
      ].map((name) => `usr/sbin/${name}`),
    ],
  },
  { name: "util-linux-extra", files: ["usr/sbin/hwclock"] },
  {
    name: "xfsprogs",
    files: ["usr/sbin/mkfs.xfs", "usr/sbin/xfs_repair", "usr/sbin/xfs_db", "usr/sbin/xfs_growfs"],
  },
  { name: "zstd", files: ["usr/bin/zstd"] },
];

/** First loaders that are kept with a flavor. On x86 the server has them from its own packages. */
export const foreignLoaders: Readonly<Record<FlavorArch, readonly PackageSelection[]>> = {
  x86_64: [],
  aarch64: [
    { name: "grub-efi-arm64-signed", files: ["usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed"] },
    { name: "shim-signed", files: ["usr/lib/shim/shimaa64.efi.signed"] },
  ],
};

/** GRUB's modules by processor, for a network loader that speaks HTTP: the signed one does not. */
export const grubPackages: Readonly<
  Record<FlavorArch, { readonly name: string; readonly format: string } | undefined>
> = {
  x86_64: undefined,
  aarch64: { name: "grub-efi-arm64-bin", format: "arm64-efi" },
};

/** Library packages of the closure that only programs we leave out need; some are larger than all the rest. */
export const unwantedLibraries: readonly RegExp[] = [
  /^libicu/,
  /^libperl/,
  /^perl-/,
  /^libpython/,
  /^libdb5/,
];
