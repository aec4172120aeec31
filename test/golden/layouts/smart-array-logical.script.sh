#!/bin/sh
# Ingot master script: installs web@3 on node01.
#
# It runs in Ingot's install ramdisk. Each step is checked: the first that fails is reported with its message and ends
# the install; success is told to the server only after what was written has been compared with the version.
#
# Text in single quotes, of the layout and for inner programs, is not to be expanded here.
# shellcheck disable=SC2016
set -u

# --- The install ------------------------------------------------------------------------------------------------------
# === partition -----------------------------------------------------------------------------------------------------
phase partition 2 'Finding and partitioning the disks'

# Scripts of this site, where the server has some for this machine.
run_pre_install

# Which disk is which, and whether everything fits: nothing is written before this is known.
need_programs mkfs.ext3 mkswap
if [ -n "${INGOT_DISKS:-}" ]; then
	DISK_1=$(named_disk 1 /dev/cciss/c0d0) || exit 1
else
	DISK_1=$(choose_disk 1 1 11847 /dev/cciss/c0d0) || exit 1
fi

# /dev/cciss/c0d0 of the layout: msdos; sizes in MiB.
MIB_1=$(disk_mib "$DISK_1") || fail "The size of $DISK_1 cannot be read"
ROOM_1=$(room "$DISK_1" msdos) || exit 1
SIZE_1_1=97 # /boot
SIZE_1_2=$((ROOM_1 - SIZE_1_1)) # extended: what is left
enough "$DISK_1" extended "$SIZE_1_2" 256
SIZE_1_5=9537 # /
SIZE_1_6=1953 # swap
SIZE_1_7=$((SIZE_1_2 - SIZE_1_5 - SIZE_1_6 - 3)) # /home: what is left
enough "$DISK_1" /home "$SIZE_1_7" 256
say "/dev/cciss/c0d0 of the layout is $DISK_1 here ($MIB_1 MiB)"
may_wipe "$DISK_1" ask

# /dev/cciss/c0d0 of the layout: a fresh msdos label, partitions aligned to 1 MiB.
START_1_1=1
START_1_2=$((START_1_1 + SIZE_1_1))
START_1_5=$((START_1_2 + 1))
START_1_6=$((START_1_5 + SIZE_1_5 + 1))
START_1_7=$((START_1_6 + SIZE_1_6 + 1))
write_table "$DISK_1" <<END || exit 1
label: dos
label-id: $(label_id dos)
$(partition "$DISK_1" 1) : start=${START_1_1}MiB, size=${SIZE_1_1}MiB, type=83, bootable
$(partition "$DISK_1" 2) : start=${START_1_2}MiB, size=${SIZE_1_2}MiB, type=5
$(partition "$DISK_1" 5) : start=${START_1_5}MiB, size=${SIZE_1_5}MiB, type=83
$(partition "$DISK_1" 6) : start=${START_1_6}MiB, size=${SIZE_1_6}MiB, type=82
$(partition "$DISK_1" 7) : start=${START_1_7}MiB, size=${SIZE_1_7}MiB, type=83
END
settle "$DISK_1" 1 5 6 7


# === format --------------------------------------------------------------------------------------------------------
phase format 3 'Making filesystems'

# /boot
DEVICE_1_1=$(partition "$DISK_1" 1)
must 'ext3 for /boot cannot be made' mkfs.ext3 -q -F "$DEVICE_1_1"
UUID_1_1=$(fresh_uuid "$DEVICE_1_1") || exit 1

# /
DEVICE_1_5=$(partition "$DISK_1" 5)
must 'ext3 for / cannot be made' mkfs.ext3 -q -F "$DEVICE_1_5"
UUID_1_5=$(fresh_uuid "$DEVICE_1_5") || exit 1

# swap
DEVICE_1_6=$(partition "$DISK_1" 6)
must 'swap for swap cannot be made' mkswap "$DEVICE_1_6"
UUID_1_6=$(fresh_uuid "$DEVICE_1_6") || exit 1

# /home
DEVICE_1_7=$(partition "$DISK_1" 7)
must 'ext3 for /home cannot be made' mkfs.ext3 -q -F "$DEVICE_1_7"
UUID_1_7=$(fresh_uuid "$DEVICE_1_7") || exit 1


# === mount ---------------------------------------------------------------------------------------------------------
phase mount 5 'Mounting them'

must '/ cannot be mounted' mkdir -p "$TARGET"
must '/ cannot be mounted' mount -t ext3 "$DEVICE_1_5" "$TARGET"

must '/boot cannot be mounted' mkdir -p "$TARGET"/boot
must '/boot cannot be mounted' mount -t ext3 "$DEVICE_1_1" "$TARGET"/boot

must '/home cannot be mounted' mkdir -p "$TARGET"/home
must '/home cannot be mounted' mount -t ext3 "$DEVICE_1_7" "$TARGET"/home


# === write ---------------------------------------------------------------------------------------------------------
phase write 6 'Writing the tree'

# tar runs this every so often with the number of 10 KiB records it has read.
cat >"$WORK/progress.sh" <<'END'
. "${INGOT_LIBRARY:-/lib/ingot/node.sh}"
bytes=$((TAR_CHECKPOINT * 10240))
percent=$((6 + TAR_CHECKPOINT * 64 / 87891))
if [ "$percent" -gt 70 ]; then
	percent=70
fi
ingot_report write "$percent" "$((bytes / 1048576)) of 859 MiB" "$bytes"
END
write_tree 879
reach 70 "32000 files are written"

# What the server lays over the image on this node: its own overrides, its groups' and everybody's, as they are now.
OVERRIDES=$(ingot_fetch /node/overrides) || fail "The list of overrides cannot be fetched"
if [ -n "$OVERRIDES" ]; then
	say "Laying overrides over the tree: $OVERRIDES"
	clear_for_overrides
	lay_overrides ''
fi


# === verify --------------------------------------------------------------------------------------------------------
phase verify 70 'Comparing what was written with the version'

# Read back from the disk, not from memory.
sync
echo 3 >/proc/sys/vm/drop_caches || true
(cd "$TARGET" && LC_ALL=C exec find . -noleaf -path ./.ingot-staging -prune -o -path ./boot/lost+found -prune -o -path ./lost+found -prune -o -path ./home/lost+found -prune -o -printf '%y %m %U %G %s %b %T@ %C@ %D:%i %n\0%l\0%P\0' '(' -type b -o -type c ')' -exec stat --printf 'r %t %T\0\0%n\0' '{}' +) >"$WORK/listing" || fail "The tree that was written cannot be listed"
(cd "$TARGET" && LC_ALL=C find . -noleaf -path ./boot/lost+found -prune -o -path ./lost+found -prune -o -path ./home/lost+found -prune -o -type f -exec sha256sum -z '{}' +) >"$WORK/digests" ||
	fail "A file that was written cannot be read back"
ask_verdict
say "The tree is as the version has it"


# === configure -----------------------------------------------------------------------------------------------------
phase configure 84 'Making the copy a machine of its own'

enter_image
# The golden client's fstab, with the UUIDs of the fresh filesystems.
{
	printf 'UUID=%s %s\n' "$UUID_1_1" '/boot ext3 defaults 0 2'
	printf 'UUID=%s %s\n' "$UUID_1_5" '/ ext3 defaults 0 2'
	printf 'UUID=%s %s\n' "$UUID_1_6" 'swap swap defaults 0 2'
	printf 'UUID=%s %s\n' "$UUID_1_7" '/home ext3 defaults 0 2'
} | put etc/fstab || fail 'The file /etc/fstab cannot be written'

set_hostname "${INGOT_HOSTNAME:-node01}" "${INGOT_DOMAIN-example.org}"
new_identity

# The image's boot files name the golden client's filesystems.
set_resume "$UUID_1_6"
set_grub_disks "$DISK_1"

record_crypts --

adapt_network

# What of the overrides is the machine's identity stands above what was made just now.
if [ -n "$OVERRIDES" ]; then
	lay_overrides '&only=identity'
fi


# === initramfs -----------------------------------------------------------------------------------------------------
phase initramfs 86 'Building the initramfs'

build_initramfs 86 93


# === bootloader ----------------------------------------------------------------------------------------------------
phase bootloader 93 'Installing the boot loader'

link_uuid "$DEVICE_1_5" "$UUID_1_5"
install_grub_bios "$DISK_1"

run_post_install

check_boot "$UUID_1_5" "$DEVICE_1_5"
check_bios_boot "$DISK_1"
label_files


# === finish --------------------------------------------------------------------------------------------------------
phase finish 98 'Unmounting'

if [ -d "$TARGET/etc/systemimager" ]; then
	{
		echo "${INGOT_IMAGE:-web@3}"
		if [ -n "$OVERRIDES" ]; then
			echo "overrides $OVERRIDES" | tr , ' '
		fi
	} | put etc/systemimager/IMAGE_LAST_SYNCED_TO || fail 'The image cannot be noted'
fi
set_flags
leave_image
# From here on the server lets this machine boot from its own disk. The ramdisk reboots when this script has ended.
ingot_post /node/done >/dev/null || fail 'The server cannot be told that the install is done'
