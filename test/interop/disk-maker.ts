/** A disk as a virtual machine has it, made with stock tools: GPT, ESP, /boot on ext4, / on xfs, swap, and data that fstab does not name. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { makeRichTree } from "./rich-tree.ts";

/** MiB. */
export const diskParts = [
  { number: 1, start: 1, size: 40, type: "U", name: "esp" },
  { number: 2, start: 41, size: 60, type: "L", name: "boot" },
  { number: 3, start: 101, size: 340, type: "L", name: "root" },
  { number: 4, start: 441, size: 16, type: "S", name: "swap" },
  { number: 5, start: 457, size: 20, type: "L", name: "data" },
] as const;

const script = `
cd "$1"
truncate -s 480M disk.raw
sfdisk --quiet disk.raw <<END
label: gpt
start=1MiB, size=40MiB, type=U, name=esp
start=41MiB, size=60MiB, type=L, name=boot
start=101MiB, size=340MiB, type=L, name=root
start=441MiB, size=16MiB, type=S, name=swap
start=457MiB, size=20MiB, type=L, name=data
END
on() { # on START SIZE COMMAND...: with a loop device of that stretch
	start=$1 size=$2; shift 2
	loop=$(losetup --find --show --offset $((start << 20)) --sizelimit $((size << 20)) disk.raw)
	(exec 9<>"$loop" && losetup --detach "$loop" && exec "$@" "$loop")
}
on 1 40 mkfs.vfat -I -F 32 >/dev/null
on 41 60 mkfs.ext4 -q -L boot
on 101 340 mkfs.xfs -q -L root
on 441 16 mkswap -q -U 11111111-2222-4333-8444-555555555555
on 457 20 mkfs.ext4 -q
uuid() { blkid -p -O $(($1 << 20)) -S $(($2 << 20)) -s UUID -o value disk.raw; }
mkdir -p source/etc source/usr/lib source/boot/efi source/lib/modules/6.1.0-test
cat >source/etc/fstab <<END
# made by hand
UUID=$(uuid 101 340) / xfs defaults 0 0
LABEL=boot /boot ext4 defaults 0 2
/dev/vda1 /boot/efi vfat umask=0077 0 1
UUID=11111111-2222-4333-8444-555555555555 none swap sw 0 0
tmpfs /tmp tmpfs defaults 0 0
END
printf 'ID=debian\\nPRETTY_NAME="Debian from elsewhere"\\n' >source/usr/lib/os-release
echo elsewhere >source/etc/hostname
`;

const fill = `
cd "$1"
mkdir mounted
mount -o loop,offset=$((101 << 20)),sizelimit=$((340 << 20)) disk.raw mounted
mkdir -p mounted/boot
mount -o loop,offset=$((41 << 20)),sizelimit=$((60 << 20)) disk.raw mounted/boot
mkdir -p mounted/boot/efi
echo kernel >source/boot/vmlinuz-6.1.0-test
rsync -aHAXS --numeric-ids source/ mounted/
echo loader >loader && MTOOLS_SKIP_CHECK=1 mmd -i disk.raw@@1M ::EFI ::EFI/BOOT
MTOOLS_SKIP_CHECK=1 mcopy -i disk.raw@@1M loader ::EFI/BOOT/BOOTX64.EFI
mkdir again
rsync -aHAXS --numeric-ids --exclude=lost+found mounted/ again/
# What xfs shows of its ACLs under a name of its own is no attribute of the file.
find again -exec setfattr -h -x trusted.SGI_ACL_FILE '{}' ';' -o -true 2>/dev/null
find again -exec setfattr -h -x trusted.SGI_ACL_DEFAULT '{}' ';' -o -true 2>/dev/null
umount -R mounted
rmdir mounted
`;

/** Makes `disk.raw` in the folder, and `again`, its tree as stock rsync reads it (but for the loader on the ESP). */
export function makeDisk(folder: string): void {
  const sh = (text: string) =>
    execFileSync("unshare", ["--mount", "bash", "-euc", text, "make-disk", folder], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  sh(script);
  mkdirSync(`${folder}/source/rich`);
  makeRichTree(`${folder}/source/rich`);
  sh(fill);
}
