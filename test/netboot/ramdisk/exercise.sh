# A master script for the test: uses what a real one uses, on a scratch disk, and stops at the first thing that fails.
set -e
# It is there in the ramdisk only.
# shellcheck disable=SC1091
. /lib/ingot/node.sh

[ "$(date -u +%Y)" -ge 2024 ]
[ -n "$INGOT_SERVER" ] && [ -n "$INGOT_PIN" ] && [ -n "$INGOT_TOKEN" ] && [ -n "$INGOT_MAC" ]
# Nothing in the list of processes shows the token.
ingot_fetch /node/tree >/tmp/tree &
ps >/tmp/processes
wait $!
if grep -F "$INGOT_TOKEN" /tmp/processes; then
	exit 1
fi
[ "$(cat /tmp/tree)" = 'some content' ]
ingot_fetch /node/tree /tmp/tree2
cmp /tmp/tree /tmp/tree2
if ingot_fetch /node/nothing /tmp/nothing; then
	exit 1
fi

ingot_report partition 10 'eight partitions'
sfdisk --wipe always --label gpt /dev/vda <<END
size=64MiB, type=uefi
size=128MiB
size=320MiB
size=128MiB
size=64MiB, type=swap
size=128MiB, type=raid
size=128MiB, type=raid
type=lvm
END
udevadm settle
mkfs.vfat -F 32 -n ESP /dev/vda1
mkfs.ext4 -q /dev/vda2
mkfs.xfs -q /dev/vda3
mkfs.btrfs -q /dev/vda4
mkswap -q /dev/vda5
mdadm --create /dev/md0 --run --quiet --level 1 --raid-devices 2 --metadata 1.2 /dev/vda6 /dev/vda7
pvcreate -q -y /dev/vda8
vgcreate -q vg /dev/vda8
lvcreate -q -y -n root -L 256M vg
mkfs.ext4 -q /dev/vg/root
mkfs.ext4 -q /dev/md0
udevadm settle
ingot_report format 40 'all kinds of "file systems"' 123

for device in /dev/vda1 /dev/vda2 /dev/vda3 /dev/vda4 /dev/md0 /dev/vg/root; do
	mount "$device" /mnt
	uuid=$(blkid -o value -s UUID "$device")
	[ "$(readlink -f "/dev/disk/by-uuid/$uuid")" = "$(readlink -f "$device")" ]
	findmnt -n -o FSTYPE /mnt
	umount /mnt
done
mount /dev/vda2 /mnt
mkdir /mnt/tree
printf x >/mnt/tree/file
setfattr -n user.test -v value /mnt/tree/file
tar --create --xattrs --acls --numeric-owner --directory /mnt/tree . | zstd -q | zstd -dq >/tmp/tree.tar
mkdir /mnt/copy
tar --extract --xattrs --acls --numeric-owner --directory /mnt/copy --file /tmp/tree.tar
getfattr -n user.test --only-values /mnt/copy/file
find /mnt/copy -printf '%P %m %T@\0' | tr '\0' '\n'
umount /mnt
lvs
cat /proc/mdstat
efibootmgr --version
kexec --version
parted --version
free -m
echo 'exercise: all of it works'
ingot_done
