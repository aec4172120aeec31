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
need_programs mkfs.btrfs mkfs.ext4
if [ -n "${INGOT_DISKS:-}" ]; then
	DISK_1=$(named_disk 1 /dev/vda) || exit 1
else
	DISK_1=$(choose_disk 1 1 2356 /dev/vda) || exit 1
fi

# /dev/vda of the layout: gpt; sizes in MiB.
MIB_1=$(disk_mib "$DISK_1") || fail "The size of $DISK_1 cannot be read"
ROOM_1=$(room "$DISK_1" gpt) || exit 1
SIZE_1_1=1 # bios_grub
SIZE_1_2=1024 # /boot
SIZE_1_3=$((ROOM_1 - SIZE_1_1 - SIZE_1_2)) # /: what is left
enough "$DISK_1" / "$SIZE_1_3" 1329
say "/dev/vda of the layout is $DISK_1 here ($MIB_1 MiB)"
may_wipe "$DISK_1" ask

# /dev/vda of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_1_1=1
START_1_2=$((START_1_1 + SIZE_1_1))
START_1_3=$((START_1_2 + SIZE_1_2))
write_table "$DISK_1" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_1" 1) : start=${START_1_1}MiB, size=${SIZE_1_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_1" 2) : start=${START_1_2}MiB, size=${SIZE_1_2}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
$(partition "$DISK_1" 3) : start=${START_1_3}MiB, size=${SIZE_1_3}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
END
settle "$DISK_1" 1 2 3


# === format --------------------------------------------------------------------------------------------------------
phase format 3 'Making filesystems'

# /
DEVICE_1_3=$(partition "$DISK_1" 3)
must 'btrfs for / cannot be made' mkfs.btrfs -q -f "$DEVICE_1_3"
UUID_1_3=$(fresh_uuid "$DEVICE_1_3") || exit 1
make_subvolumes "$DEVICE_1_3" home root

# /boot
DEVICE_1_2=$(partition "$DISK_1" 2)
must 'ext4 for /boot cannot be made' mkfs.ext4 -q -F "$DEVICE_1_2"
UUID_1_2=$(fresh_uuid "$DEVICE_1_2") || exit 1


# === mount ---------------------------------------------------------------------------------------------------------
phase mount 5 'Mounting them'

must '/ cannot be mounted' mkdir -p "$TARGET"
must '/ cannot be mounted' mount -t btrfs -o subvol=root "$DEVICE_1_3" "$TARGET"

must '/boot cannot be mounted' mkdir -p "$TARGET"/boot
must '/boot cannot be mounted' mount -t ext4 "$DEVICE_1_2" "$TARGET"/boot

must '/home cannot be mounted' mkdir -p "$TARGET"/home
must '/home cannot be mounted' mount -t btrfs -o subvol=home "$DEVICE_1_3" "$TARGET"/home


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
(cd "$TARGET" && LC_ALL=C exec find . -noleaf -path ./.ingot-staging -prune -o -path ./boot/lost+found -prune -o -printf '%y %m %U %G %s %b %T@ %C@ %D:%i %n\0%l\0%P\0' '(' -type b -o -type c ')' -exec stat --printf 'r %t %T\0\0%n\0' '{}' +) >"$WORK/listing" || fail "The tree that was written cannot be listed"
(cd "$TARGET" && LC_ALL=C find . -noleaf -path ./boot/lost+found -prune -o -type f -exec sha256sum -z '{}' +) >"$WORK/digests" ||
	fail "A file that was written cannot be read back"
ask_verdict
say "The tree is as the version has it"


# === configure -----------------------------------------------------------------------------------------------------
phase configure 84 'Making the copy a machine of its own'

enter_image
# The golden client's fstab, with the UUIDs of the fresh filesystems.
{
	printf 'UUID=%s %s\n' "$UUID_1_3" '/ btrfs subvol=root,compress=zstd:1 0 0'
	printf 'UUID=%s %s\n' "$UUID_1_2" '/boot ext4 defaults 1 2'
	printf 'UUID=%s %s\n' "$UUID_1_3" '/home btrfs subvol=home,compress=zstd:1 0 0'
} | put etc/fstab || fail 'The file /etc/fstab cannot be written'

set_hostname "${INGOT_HOSTNAME:-node01}" "${INGOT_DOMAIN-example.org}"
new_identity

# The image's boot files name the golden client's filesystems.
rename_uuid 0a1b2c3d-0000-4000-8000-000000000003 "$UUID_1_3"
rename_uuid 0a1b2c3d-0000-4000-8000-000000000002 "$UUID_1_2"
rename_uuid 0a1b2c3d-0000-4000-8000-000000000003 "$UUID_1_3"
set_resume ''
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

link_uuid "$DEVICE_1_3" "$UUID_1_3"
install_grub_bios "$DISK_1"

run_post_install

check_boot "$UUID_1_3" "$DEVICE_1_3"
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
