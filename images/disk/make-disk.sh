#!/bin/sh
# make-disk DISK FOLDER
#
# Runs FOLDER/install.sh, a master script, onto the file DISK as if it were a machine's disk, in mount and PID namespaces that
# this program was started in. The version's stream comes on standard input; what the script tells goes to standard output,
# its noise to standard error. The loop device is told to go away while it is still held open here: the kernel frees it when
# everything here has ended, however it ends.
set -eu

disk=$1
folder=$2

exec 3>&1 1>&2 4<&0 </dev/null

# The boot loader must not write this server's own boot entries.
if [ -d /sys/firmware/efi ]; then
	mount -t tmpfs -o ro tmpfs /sys/firmware/efi
fi
loop=$(losetup --find --show --partscan -- "$disk")
exec 9<>"$loop"
losetup --detach "$loop"

mkdir "$folder/target"
status=0
INGOT_LIBRARY=$folder/node.sh INGOT_TARGET=$folder/target INGOT_DISKS=$loop INGOT_FOLDER=$folder \
	sh "$folder/install.sh" || status=$?

# The script names its filesystems to grub-mkconfig by links that udev would have made.
for link in /dev/disk/by-uuid/*; do
	case $(readlink "$link" || true) in
	"$loop"p*) rm -f "$link" ;;
	esac
done
if [ "$status" -ne 0 ]; then
	umount --recursive "$folder/target" 2>/dev/null || true
fi
partx --delete "$loop" 2>/dev/null || true
exit "$status"
