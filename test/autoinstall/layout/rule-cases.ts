import type { CheckCode } from "../../../autoinstall/layout/diagnostic.ts";

export interface RuleCase {
  /** What stands inside <config>. */
  readonly file: string;
  readonly subject: string;
  /** A part of the message. */
  readonly says: string;
  /** The golden client's disk, where the repair is to know of it. */
  readonly facts?: string;
  /** What the repair did; absent where a person must decide. */
  readonly repaired?: string;
  readonly advice?: string;
}

function disk(parts: string, attributes = 'label_type="msdos" unit_of_measurement="MB"'): string {
  return `<disk dev="/dev/vda" ${attributes}>${parts}</disk>`;
}

function part(num: number | string, rest = 'size="100"'): string {
  return `<part num="${num}" ${rest}/>`;
}

function line(number: number | string, device: string, rest = 'mp="/" fs="ext4"'): string {
  return `<fsinfo line="${number}" real_dev="${device}" ${rest}/>`;
}

const root = line(10, "/dev/vda1");
const gpt = 'label_type="gpt" unit_of_measurement="MB"';

/** /dev/md0 with / on two disks. */
function mirror(settings = 'raid_level="raid1" raid_devices="2"'): string {
  const parts = [1, 3].map((num) => part(num, 'size="5000" flags="raid"')).join("");
  const disks = ["/dev/vda", "/dev/vdb"].map(
    (dev) => `<disk dev="${dev}" label_type="msdos" unit_of_measurement="MB">${parts}</disk>`,
  );
  return `${disks.join("")}<raid name="/dev/md0" ${settings} devices="/dev/vda1 /dev/vdb1"/>${line(10, "/dev/md0")}`;
}

/** / on a volume of vg0. */
function group(first: string, name = "vg0", more = ""): string {
  const lvm = `<lvm version="2"><lvm_group name="${name}"><lv name="root" size="4G"/></lvm_group></lvm>`;
  return disk(part(1, first) + more) + lvm + line(10, `/dev/${name}/root`);
}

export const ruleCases: { readonly [Code in CheckCode]: RuleCase } = {
  "disk-device-unknown": {
    file: `<disk dev="/dev/vda1" label_type="msdos" unit_of_measurement="MB">${part(1)}</disk>`,
    subject: "/dev/vda1",
    says: "is not the name of a whole disk",
    advice: "name the disk as the golden client's kernel does",
  },
  "disk-duplicate": {
    file: disk(part(1)) + disk("") + root,
    subject: "/dev/vda",
    says: "/dev/vda has more than one <disk> section",
    repaired: "The empty second section of /dev/vda was dropped",
  },
  "disk-match-invalid": {
    file: disk(part(1), 'label_type="msdos" unit_of_measurement="MB" match="colour=red"') + root,
    subject: "/dev/vda",
    says: "'colour=red' is not serial=, wwn=, path=",
    advice: "say serial=, wwn=, path=, id=, transport=, rotational= or size=",
  },
  "label-missing": {
    file: disk(part(1, 'size="100" p_name="root"'), 'unit_of_measurement="MB"') + root,
    subject: "/dev/vda",
    says: "/dev/vda has no label_type (msdos or gpt)",
    repaired: "/dev/vda had no label_type; its partitions call for gpt",
  },
  "label-unknown": {
    file: disk(part(1), 'label_type="DOS" unit_of_measurement="MB"') + root,
    subject: "/dev/vda",
    says: 'label_type="dos" of /dev/vda is not msdos or gpt',
    repaired: "label_type of /dev/vda is msdos, not dos",
  },
  "unit-unknown": {
    file: disk(part(1, 'size="4"'), 'label_type="msdos" unit_of_measurement="GiB"') + root,
    subject: "/dev/vda",
    says: 'unit_of_measurement="GiB" of /dev/vda is not MB or %',
    repaired: "Sizes on /dev/vda were converted from GiB to MB",
  },
  "size-invalid": {
    file: disk(part(1, 'size="2 GB"')) + root,
    subject: "/dev/vda partition 1",
    says: 'size="2 GB" of /dev/vda partition 1 is not a number over 0 or *',
    repaired: "/dev/vda partition 1: size 2 GB is 2000 MB",
  },
  "part-number-invalid": {
    file: disk(part(1) + part("x", 'size="*"')) + root,
    subject: "/dev/vda partition 2",
    says: "A partition of /dev/vda has no number from 1 to 128",
    repaired: "A partition of /dev/vda got the number 2",
  },
  "part-number-duplicate": {
    file: disk(part(1) + part(1)) + root,
    subject: "/dev/vda partition 1",
    says: "/dev/vda partition 1 is described twice",
    advice: "say which of the two partitions is meant",
  },
  "gpt-part-type": {
    file: disk(part(1) + part(2, 'size="*" p_type="extended"'), gpt) + root,
    subject: "/dev/vda partition 2",
    says: "/dev/vda partition 2 is extended; a GPT label has only primary partitions",
    repaired: "/dev/vda has a GPT label: its logical partitions became primary",
  },
  "msdos-part-number": {
    file:
      disk(
        part(1) +
          part(2, 'size="500" p_type="extended"') +
          part(5, 'size="100" p_type="logical"') +
          part(7, 'size="100" p_type="logical"'),
      ) +
      root +
      line(20, "/dev/vda7", 'mp="/home" fs="ext4"'),
    subject: "/dev/vda partition 7",
    says: "/dev/vda partition 7 is logical; those are numbered 5, 6, 7 … without a gap",
    repaired: "Partitions of /dev/vda are numbered as the kernel does: 7 became 6",
  },
  "extended-missing": {
    file: disk(part(1) + part(5, 'size="100" p_type="logical"')) + root,
    subject: "/dev/vda",
    says: "/dev/vda has logical partitions but no extended one",
    repaired: "/dev/vda got an extended partition (number 2) for its logical ones",
  },
  "extended-duplicate": {
    file:
      disk(part(1) + part(2, 'size="9" p_type="extended"') + part(3, 'size="9" p_type="extended"')) + root,
    subject: "/dev/vda",
    says: "/dev/vda has two extended partitions",
    advice: "keep one extended partition; a disk can have only one",
  },
  "rest-duplicate": {
    file: disk(part(1, 'size="*"') + part(2, 'size="*"')) + root,
    subject: "/dev/vda partition 2",
    says: "only one can take the rest",
    advice: "give all but one of them a size",
  },
  "percent-over-100": {
    file:
      disk(part(1, 'size="80"') + part(2, 'size="40"'), 'label_type="msdos" unit_of_measurement="%"') + root,
    subject: "/dev/vda",
    says: "The partitions of /dev/vda add up to 120 %",
    repaired: "Partitions of /dev/vda were scaled down to fit",
  },
  "line-number-invalid": {
    file: disk(part(1)) + line("zero", "/dev/vda1"),
    subject: "line 0",
    says: "An <fsinfo> has no line number of 1 or more",
    repaired: "The fsinfo lines were numbered anew: 10, 20, 30 …",
  },
  "line-number-duplicate": {
    file: disk(part(1) + part(2)) + root + line(10, "/dev/vda2", 'mp="/home" fs="ext4"'),
    subject: "line 10",
    says: 'Two <fsinfo> have line="10"',
    repaired: "The fsinfo lines were numbered anew: 10, 20, 30 …",
  },
  "filesystem-missing": {
    file: disk(part(1) + part(2)) + root + line(20, "/dev/vda2", 'mp="swap"'),
    subject: "line 20",
    says: "/dev/vda2 (for swap) has no filesystem type",
    repaired: "/dev/vda2 is swap, as its mount point says",
  },
  "filesystem-unsupported": {
    file: disk(part(1)) + line(10, "/dev/vda1", 'mp="/" fs="zfs"'),
    subject: "line 10",
    says: "/dev/vda1 is to be zfs, which the installer cannot make",
    advice: "choose a filesystem that can be made, or set format to no",
  },
  "mount-point-invalid": {
    file: disk(part(1) + part(2)) + root + line(20, "/dev/vda2", 'mp="/srv/../etc" fs="ext4"'),
    subject: "line 20",
    says: "is not an absolute path without '.' and '..'",
    advice: "say where it is to be mounted",
  },
  "mount-point-duplicate": {
    file: disk(part(1) + part(2)) + root + line(20, "/dev/vda2"),
    subject: "line 20",
    says: "Two filesystems are to be mounted at /",
    advice: "say which of the two belongs there",
  },
  "root-missing": {
    file: disk(part(1)) + line(10, "/dev/vda1", 'mp="/srv" fs="ext4"'),
    subject: "/",
    says: "No <fsinfo> makes a filesystem for /",
    advice: "say which partition holds /",
  },
  "device-by-link": {
    file:
      disk(part(1) + part(2)) + root + line(20, "/dev/disk/by-id/ata-WDC_WD10-part2", 'mp="/home" fs="ext4"'),
    subject: "/dev/disk/by-id/ata-WDC_WD10-part2",
    says: "(for /home) is a name that only the golden client has",
    repaired: "/dev/disk/by-id/ata-WDC_WD10-part2 became /dev/vda2",
  },
  "device-lost-p": {
    file: `<disk dev="/dev/nvme0n1" ${gpt}>${part(1)}</disk>${line(10, "/dev/nvme0n11")}`,
    subject: "/dev/nvme0n11",
    says: "/dev/nvme0n11 lacks the p before the partition number (/dev/nvme0n1p1)",
    repaired: "/dev/nvme0n11 became /dev/nvme0n1p1",
  },
  "device-family-changed": {
    file: disk(part(1)) + line(10, "/dev/sda1"),
    subject: "/dev/sda",
    says: "The filesystem lines name /dev/sda, the only disk described is /dev/vda",
    repaired: "Lines that named /dev/sda now name /dev/vda",
  },
  "disk-section-missing": {
    file: line(10, "/dev/vda2") + line(20, "/dev/vda1", 'mp="/boot" fs="ext4"'),
    subject: "/dev/vda",
    says: "The filesystem lines name partitions of /dev/vda, but there is no <disk> section for it",
    facts: "/dev/vda",
    repaired: "The <disk> section of /dev/vda was rebuilt from the client's partition table",
  },
  "partition-missing": {
    file: disk(part(1)) + root + line(20, "/dev/vda7", 'mp="/home" fs="ext4"'),
    subject: "/dev/vda7",
    says: "/dev/vda7 (for /home) is not among the partitions of /dev/vda",
    advice: "describe the partition with its size, or drop the line",
  },
  "partition-used-twice": {
    file: disk(part(1)) + root + line(20, "/dev/vda1", 'mp="/home" fs="ext4"'),
    subject: "line 20",
    says: "/dev/vda1 is to be made a second time, for /home",
    advice: "say which of the two lines is meant",
  },
  "label-too-long": {
    file: disk(part(1)) + line(10, "/dev/vda1", 'mp="/" fs="xfs" mount_dev="LABEL=thirteen-byte"'),
    subject: "line 10",
    says: "Label 'thirteen-byte' of /dev/vda1 is over the 12 bytes that xfs holds",
    advice: "choose a shorter label, in the file and wherever the image names it",
  },
  "swap-file-size-missing": {
    file: disk(part(1)) + root + line(20, "/swapfile", 'mp="none" fs="swap"'),
    subject: "line 20",
    says: 'The swap file /swapfile has no size="…" in MB',
    repaired: "The swap file /swapfile has 1024 MB, a usual size",
  },
  "removable-medium": {
    file: disk(part(1)) + root + line(20, "/dev/fd0", 'mp="/media/floppy" fs="auto"'),
    subject: "line 20",
    says: "/dev/fd0 (for /media/floppy) is a drive for removable media, and is to be formatted",
    repaired: "/dev/fd0 is not formatted; its line for fstab stays",
  },
  "subvolume-number": {
    file:
      disk(part(1)) +
      line(10, "/dev/vda1", 'mp="/" fs="btrfs" options="compress=zstd,subvolid=256,subvol=/@"'),
    subject: "line 10",
    says: "names a subvolume by its number",
    repaired: "/ no longer names its subvolume by number",
  },
  "boot-encrypted": {
    file: `${disk(part(1))}<luks name="secret" device="/dev/vda1"/>${line(10, "/dev/mapper/secret")}`,
    subject: "line 10",
    says: "/boot, which lies in /, is on the encrypted volume secret, which the boot loader cannot read",
    advice: "give /boot a partition outside the encrypted volume; the ESP too",
  },
  "bootloader-unsupported": {
    file: `${disk(part(1))}<bootloader flavor="rEFInd" install_type="efi"/>${root}`,
    subject: "refind",
    says: 'flavor="refind">: the installer installs grub2',
    advice: "say flavor grub2, and see that the image has it",
  },
  "raid-missing": {
    file: disk(part(1)) + line(10, "/dev/md0"),
    subject: "/dev/md0",
    says: "/dev/md0 is an array, but there is no <raid> for it",
    advice: "there is too little to repair it from; correct it by hand",
  },
  "raid-level-unknown": {
    file: `${mirror()}<raid name="/dev/md1" raid_level="raid7" devices="/dev/vda3 /dev/vdb3"/>`,
    subject: "/dev/md1",
    says: 'raid_level="raid7" of /dev/md1 is none of linear, 0, 1, 4, 5, 6, 10',
    advice: "say which level it is to have",
  },
  "raid-members": {
    file: mirror('raid_level="raid1" raid_devices="3"'),
    subject: "/dev/md0",
    says: "/dev/md0 is to have 3 members and 0 spares, and 2 are named",
    repaired: "/dev/md0 has 2 members, as are named",
  },
  "stack-member-missing": {
    file: `${disk(part(1))}<raid name="/dev/md0" raid_level="raid1" devices="/dev/vda1 /dev/vdb1"/>${line(10, "/dev/md0")}`,
    subject: "/dev/vdb1",
    says: "/dev/md0 is to be made on /dev/vdb1, which is not described",
    repaired: "The <disk> section of /dev/vdb was rebuilt as that of /dev/vda, whose arrays it shares",
  },
  "stack-member-used-twice": {
    file: mirror() + line(20, "/dev/vda1", 'mp="/srv" fs="ext4"'),
    subject: "/dev/vda1",
    says: "/dev/vda1 is used for /srv and for /dev/md0",
    advice: "say which of the two uses is meant",
  },
  "stack-name-invalid": {
    file: `${disk(part(1, 'size="*" flags="lvm" lvm_group="v g"'))}<lvm><lvm_group name="v g"><lv name="root" size="*"/></lvm_group></lvm>`,
    subject: "v g",
    says: "'v g' cannot be the name of an array",
    advice: "choose a name of letters, digits, dots, dashes and underscores",
  },
  "stack-circular": {
    file: `${disk(part(1))}<luks name="a" device="/dev/mapper/a"/>${line(10, "/dev/mapper/a")}`,
    subject: "/dev/mapper/a",
    says: "/dev/mapper/a is to be made on something that lies on it",
    advice: "say which partitions it is to lie on",
  },
  "lvm-flag-missing": {
    file: group('size="*" lvm_group="vg0"'),
    subject: "/dev/vda partition 1",
    says: "/dev/vda partition 1 belongs to vg0 but lacks the flag lvm",
    repaired: "/dev/vda partition 1 got the flag lvm",
  },
  "lvm-group-missing": {
    file: group(
      'size="9000" flags="lvm" lvm_group="vg0"',
      "vg0",
      part(2, 'size="9" flags="lvm" lvm_group="vg1"'),
    ),
    subject: "vg1",
    says: 'lvm_group="vg1" is named, but there is no <lvm_group> for it',
    advice: "there is too little to repair it from; correct it by hand",
  },
  "lvm-group-empty": {
    file: group('size="*" flags="lvm"'),
    subject: "vg0",
    says: 'Nothing names lvm_group="vg0": the group has no room',
    repaired: "vg0 lies on /dev/vda partition 1, the only one with the flag lvm",
  },
  "volume-missing": {
    file:
      group('size="*" flags="lvm" lvm_group="vg0"') +
      line(20, "/dev/mapper/vg0-home", 'mp="/home" fs="ext4"'),
    subject: "/dev/mapper/vg0-home",
    says: "/dev/mapper/vg0-home is no volume that an <lvm_group> or <luks> describes",
    advice: "there is too little to repair it from; correct it by hand",
  },
  "volume-size-invalid": {
    file: group('size="*" flags="lvm" lvm_group="vg0"').replace('size="4G"', 'size="much"'),
    subject: "/dev/vg0/root",
    says: 'size="much" of /dev/vg0/root is not a size such as 4G',
    advice: "give the volume a size",
  },
  "volume-rest-duplicate": {
    file: group('size="*" flags="lvm" lvm_group="vg0"').replace(
      '<lv name="root" size="4G"/>',
      '<lv name="root" size="*"/><lv name="home" size="100%FREE"/>',
    ),
    subject: "vg0",
    says: "root and home of vg0 are both to have the rest of the group",
    advice: "give all but one of them a size",
  },
};
