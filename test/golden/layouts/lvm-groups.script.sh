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
need_programs mkfs.xfs mkswap mkfs.ext4 lvcreate
if [ -n "${INGOT_DISKS:-}" ]; then
	DISK_1=$(named_disk 1 /dev/sda) || exit 1
	DISK_2=$(named_disk 2 /dev/sdb) || exit 1
else
	DISK_1=$(choose_disk 1 2 12406 /dev/sda) || exit 1
	DISK_2=$(choose_disk 2 2 2 /dev/sdb) || exit 1
fi

# /dev/sda of the layout: gpt; sizes in MiB.
MIB_1=$(disk_mib "$DISK_1") || fail "The size of $DISK_1 cannot be read"
ROOM_1=$(room "$DISK_1" gpt) || exit 1
SIZE_1_1=1 # bios_grub
SIZE_1_2=954 # /boot
SIZE_1_3=11444 # system
SIZE_1_4=$((ROOM_1 - SIZE_1_1 - SIZE_1_2 - SIZE_1_3)) # data: what is left
enough "$DISK_1" data "$SIZE_1_4" 5

# /dev/sdb of the layout: gpt; sizes in MiB.
MIB_2=$(disk_mib "$DISK_2") || fail "The size of $DISK_2 cannot be read"
ROOM_2=$(room "$DISK_2" gpt) || exit 1
SIZE_2_1=$((ROOM_2 * 100000 / 100000)) # data
enough "$DISK_2" data $((ROOM_2 - SIZE_2_1)) 0

# The volume group system, in extents of 32 MiB.
EXTENTS_1=$(($(extents "$SIZE_1_3" 32)))
enough_extents system "$EXTENTS_1" 320 32

# The volume group data, in extents of 4 MiB.
EXTENTS_2=$(($(extents "$SIZE_1_4" 4) + $(extents "$SIZE_2_1" 4)))
enough_extents data "$EXTENTS_2" 128 4
say "/dev/sda of the layout is $DISK_1 here ($MIB_1 MiB)"
say "/dev/sdb of the layout is $DISK_2 here ($MIB_2 MiB)"
may_wipe "$DISK_1" ask
may_wipe "$DISK_2" ask

# /dev/sda of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_1_1=1
START_1_2=$((START_1_1 + SIZE_1_1))
START_1_3=$((START_1_2 + SIZE_1_2))
START_1_4=$((START_1_3 + SIZE_1_3))
write_table "$DISK_1" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_1" 1) : start=${START_1_1}MiB, size=${SIZE_1_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_1" 2) : start=${START_1_2}MiB, size=${SIZE_1_2}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
$(partition "$DISK_1" 3) : start=${START_1_3}MiB, size=${SIZE_1_3}MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928
$(partition "$DISK_1" 4) : start=${START_1_4}MiB, size=${SIZE_1_4}MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928
END
settle "$DISK_1" 1 2 3 4

# /dev/sdb of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_2_1=1
write_table "$DISK_2" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_2" 1) : start=${START_2_1}MiB, size=${SIZE_2_1}MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928
END
settle "$DISK_2" 1


# === format --------------------------------------------------------------------------------------------------------
phase format 3 'Making filesystems'

make_group system --physicalextentsize 32M -- "$(partition "$DISK_1" 3)"

make_volume system root --size 6291456k

make_volume system var --size 3145728k

make_volume system swap --size 1048576k

make_group data -- "$(partition "$DISK_1" 4)" "$(partition "$DISK_2" 1)"

make_volume data scratch --extents 20%VG

make_volume data srv --extents 100%FREE --stripes 2

# /
DEVICE_LV_1_1=/dev/system/root
must 'xfs for / cannot be made' mkfs.xfs -q -f "$DEVICE_LV_1_1"
UUID_LV_1_1=$(fresh_uuid "$DEVICE_LV_1_1") || exit 1

# /boot
DEVICE_1_2=$(partition "$DISK_1" 2)
must 'xfs for /boot cannot be made' mkfs.xfs -q -f "$DEVICE_1_2"
UUID_1_2=$(fresh_uuid "$DEVICE_1_2") || exit 1

# /var
DEVICE_LV_1_2=/dev/system/var
must 'xfs for /var cannot be made' mkfs.xfs -q -f "$DEVICE_LV_1_2"

# swap
DEVICE_LV_1_3=/dev/system/swap
must 'swap for swap cannot be made' mkswap "$DEVICE_LV_1_3"
UUID_LV_1_3=$(fresh_uuid "$DEVICE_LV_1_3") || exit 1

# /srv
DEVICE_LV_2_1=/dev/data/srv
must 'ext4 for /srv cannot be made' mkfs.ext4 -q -F "$DEVICE_LV_2_1"

# /scratch
DEVICE_LV_2_2=/dev/data/scratch
must 'ext4 for /scratch cannot be made' mkfs.ext4 -q -F "$DEVICE_LV_2_2"


# === mount ---------------------------------------------------------------------------------------------------------
phase mount 5 'Mounting them'

must '/ cannot be mounted' mkdir -p "$TARGET"
must '/ cannot be mounted' mount -t xfs "$DEVICE_LV_1_1" "$TARGET"

must '/boot cannot be mounted' mkdir -p "$TARGET"/boot
must '/boot cannot be mounted' mount -t xfs "$DEVICE_1_2" "$TARGET"/boot

must '/var cannot be mounted' mkdir -p "$TARGET"/var
must '/var cannot be mounted' mount -t xfs "$DEVICE_LV_1_2" "$TARGET"/var

must '/srv cannot be mounted' mkdir -p "$TARGET"/srv
must '/srv cannot be mounted' mount -t ext4 "$DEVICE_LV_2_1" "$TARGET"/srv

must '/scratch cannot be mounted' mkdir -p "$TARGET"/scratch
must '/scratch cannot be mounted' mount -t ext4 "$DEVICE_LV_2_2" "$TARGET"/scratch


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
(cd "$TARGET" && LC_ALL=C exec find . -noleaf -path ./.ingot-staging -prune -o -path ./srv/lost+found -prune -o -path ./scratch/lost+found -prune -o -printf '%y %m %U %G %s %b %T@ %C@ %D:%i %n\0%l\0%P\0' '(' -type b -o -type c ')' -exec stat --printf 'r %t %T\0\0%n\0' '{}' +) >"$WORK/listing" || fail "The tree that was written cannot be listed"
(cd "$TARGET" && LC_ALL=C find . -noleaf -path ./srv/lost+found -prune -o -path ./scratch/lost+found -prune -o -type f -exec sha256sum -z '{}' +) >"$WORK/digests" ||
	fail "A file that was written cannot be read back"
ask_verdict
say "The tree is as the version has it"


# === configure -----------------------------------------------------------------------------------------------------
phase configure 84 'Making the copy a machine of its own'

enter_image
# The golden client's fstab, with the UUIDs of the fresh filesystems.
{
	printf '%s\n' '/dev/system/root / xfs defaults 0 0'
	printf 'UUID=%s %s\n' "$UUID_1_2" '/boot xfs defaults 0 0'
	printf '%s\n' '/dev/system/var /var xfs defaults 0 0'
	printf '%s\n' '/dev/system/swap none swap sw 0 0'
	printf '%s\n' '/dev/data/srv /srv ext4 defaults 0 2'
	printf '%s\n' '/dev/data/scratch /scratch ext4 defaults 0 2'
} | put etc/fstab || fail 'The file /etc/fstab cannot be written'

set_hostname "${INGOT_HOSTNAME:-node01}" "${INGOT_DOMAIN-example.org}"
new_identity

# The image's boot files name the golden client's filesystems.
set_resume "$UUID_LV_1_3"
set_grub_disks "$DISK_1"

record_groups system data
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

link_uuid "$DEVICE_LV_1_1" "$UUID_LV_1_1"
install_grub_bios "$DISK_1"

run_post_install

check_boot "$UUID_LV_1_1" "$DEVICE_LV_1_1"
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
put_away group data
put_away group system
# From here on the server lets this machine boot from its own disk. The ramdisk reboots when this script has ended.
ingot_post /node/done >/dev/null || fail 'The server cannot be told that the install is done'
