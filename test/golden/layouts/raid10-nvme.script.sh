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
need_programs mkfs.ext4 mdadm
if [ -n "${INGOT_DISKS:-}" ]; then
	DISK_1=$(named_disk 1 /dev/nvme0n1) || exit 1
	DISK_2=$(named_disk 2 /dev/nvme1n1) || exit 1
	DISK_3=$(named_disk 3 /dev/nvme2n1) || exit 1
	DISK_4=$(named_disk 4 /dev/nvme3n1) || exit 1
else
	DISK_1=$(choose_disk 1 4 1183 /dev/nvme0n1) || exit 1
	DISK_2=$(choose_disk 2 4 1183 /dev/nvme1n1) || exit 1
	DISK_3=$(choose_disk 3 4 1183 /dev/nvme2n1) || exit 1
	DISK_4=$(choose_disk 4 4 1183 /dev/nvme3n1) || exit 1
fi

# /dev/nvme0n1 of the layout: gpt; sizes in MiB.
MIB_1=$(disk_mib "$DISK_1") || fail "The size of $DISK_1 cannot be read"
ROOM_1=$(room "$DISK_1" gpt) || exit 1
SIZE_1_1=1 # bios_grub
SIZE_1_2=512 # /dev/md0
SIZE_1_3=$((ROOM_1 - SIZE_1_1 - SIZE_1_2)) # /dev/md1: what is left
enough "$DISK_1" /dev/md1 "$SIZE_1_3" 668

# /dev/nvme1n1 of the layout: gpt; sizes in MiB.
MIB_2=$(disk_mib "$DISK_2") || fail "The size of $DISK_2 cannot be read"
ROOM_2=$(room "$DISK_2" gpt) || exit 1
SIZE_2_1=1 # bios_grub
SIZE_2_2=512 # /dev/md0
SIZE_2_3=$((ROOM_2 - SIZE_2_1 - SIZE_2_2)) # /dev/md1: what is left
enough "$DISK_2" /dev/md1 "$SIZE_2_3" 668

# /dev/nvme2n1 of the layout: gpt; sizes in MiB.
MIB_3=$(disk_mib "$DISK_3") || fail "The size of $DISK_3 cannot be read"
ROOM_3=$(room "$DISK_3" gpt) || exit 1
SIZE_3_1=1 # bios_grub
SIZE_3_2=512 # /dev/md0
SIZE_3_3=$((ROOM_3 - SIZE_3_1 - SIZE_3_2)) # /dev/md1: what is left
enough "$DISK_3" /dev/md1 "$SIZE_3_3" 668

# /dev/nvme3n1 of the layout: gpt; sizes in MiB.
MIB_4=$(disk_mib "$DISK_4") || fail "The size of $DISK_4 cannot be read"
ROOM_4=$(room "$DISK_4" gpt) || exit 1
SIZE_4_1=1 # bios_grub
SIZE_4_2=512 # /dev/md0
SIZE_4_3=$((ROOM_4 - SIZE_4_1 - SIZE_4_2)) # /dev/md1: what is left
enough "$DISK_4" /dev/md1 "$SIZE_4_3" 668
say "/dev/nvme0n1 of the layout is $DISK_1 here ($MIB_1 MiB)"
say "/dev/nvme1n1 of the layout is $DISK_2 here ($MIB_2 MiB)"
say "/dev/nvme2n1 of the layout is $DISK_3 here ($MIB_3 MiB)"
say "/dev/nvme3n1 of the layout is $DISK_4 here ($MIB_4 MiB)"
may_wipe "$DISK_1" ask
may_wipe "$DISK_2" ask
may_wipe "$DISK_3" ask
may_wipe "$DISK_4" ask

# /dev/nvme0n1 of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_1_1=1
START_1_2=$((START_1_1 + SIZE_1_1))
START_1_3=$((START_1_2 + SIZE_1_2))
write_table "$DISK_1" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_1" 1) : start=${START_1_1}MiB, size=${SIZE_1_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_1" 2) : start=${START_1_2}MiB, size=${SIZE_1_2}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
$(partition "$DISK_1" 3) : start=${START_1_3}MiB, size=${SIZE_1_3}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
END
settle "$DISK_1" 1 2 3

# /dev/nvme1n1 of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_2_1=1
START_2_2=$((START_2_1 + SIZE_2_1))
START_2_3=$((START_2_2 + SIZE_2_2))
write_table "$DISK_2" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_2" 1) : start=${START_2_1}MiB, size=${SIZE_2_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_2" 2) : start=${START_2_2}MiB, size=${SIZE_2_2}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
$(partition "$DISK_2" 3) : start=${START_2_3}MiB, size=${SIZE_2_3}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
END
settle "$DISK_2" 1 2 3

# /dev/nvme2n1 of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_3_1=1
START_3_2=$((START_3_1 + SIZE_3_1))
START_3_3=$((START_3_2 + SIZE_3_2))
write_table "$DISK_3" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_3" 1) : start=${START_3_1}MiB, size=${SIZE_3_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_3" 2) : start=${START_3_2}MiB, size=${SIZE_3_2}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
$(partition "$DISK_3" 3) : start=${START_3_3}MiB, size=${SIZE_3_3}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
END
settle "$DISK_3" 1 2 3

# /dev/nvme3n1 of the layout: a fresh gpt label, partitions aligned to 1 MiB.
START_4_1=1
START_4_2=$((START_4_1 + SIZE_4_1))
START_4_3=$((START_4_2 + SIZE_4_2))
write_table "$DISK_4" <<END || exit 1
label: gpt
label-id: $(label_id gpt)
$(partition "$DISK_4" 1) : start=${START_4_1}MiB, size=${SIZE_4_1}MiB, type=21686148-6449-6E6F-744E-656564454649
$(partition "$DISK_4" 2) : start=${START_4_2}MiB, size=${SIZE_4_2}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
$(partition "$DISK_4" 3) : start=${START_4_3}MiB, size=${SIZE_4_3}MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
END
settle "$DISK_4" 1 2 3


# === format --------------------------------------------------------------------------------------------------------
phase format 3 'Making filesystems'

# /dev/md0
make_array /dev/md0 --level=1 --raid-devices=4 --metadata=1.2 --bitmap=internal --homehost=node01 \
	"$(partition "$DISK_1" 2)" "$(partition "$DISK_2" 2)" "$(partition "$DISK_3" 2)" "$(partition "$DISK_4" 2)"

# /dev/md1
make_array /dev/md1 --level=10 --raid-devices=4 --metadata=1.2 --bitmap=internal --layout=n2 --homehost=node01 \
	"$(partition "$DISK_1" 3)" "$(partition "$DISK_2" 3)" "$(partition "$DISK_3" 3)" "$(partition "$DISK_4" 3)"

# /
DEVICE_MD_2=/dev/md1
must 'ext4 for / cannot be made' mkfs.ext4 -q -F "$DEVICE_MD_2"
UUID_MD_2=$(fresh_uuid "$DEVICE_MD_2") || exit 1

# /boot
DEVICE_MD_1=/dev/md0
must 'ext4 for /boot cannot be made' mkfs.ext4 -q -F "$DEVICE_MD_1"
UUID_MD_1=$(fresh_uuid "$DEVICE_MD_1") || exit 1


# === mount ---------------------------------------------------------------------------------------------------------
phase mount 5 'Mounting them'

must '/ cannot be mounted' mkdir -p "$TARGET"
must '/ cannot be mounted' mount -t ext4 "$DEVICE_MD_2" "$TARGET"

must '/boot cannot be mounted' mkdir -p "$TARGET"/boot
must '/boot cannot be mounted' mount -t ext4 "$DEVICE_MD_1" "$TARGET"/boot


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
(cd "$TARGET" && LC_ALL=C exec find . -noleaf -path ./.ingot-staging -prune -o -path ./lost+found -prune -o -path ./boot/lost+found -prune -o -printf '%y %m %U %G %s %b %T@ %C@ %D:%i %n\0%l\0%P\0' '(' -type b -o -type c ')' -exec stat --printf 'r %t %T\0\0%n\0' '{}' +) >"$WORK/listing" || fail "The tree that was written cannot be listed"
(cd "$TARGET" && LC_ALL=C find . -noleaf -path ./lost+found -prune -o -path ./boot/lost+found -prune -o -type f -exec sha256sum -z '{}' +) >"$WORK/digests" ||
	fail "A file that was written cannot be read back"
ask_verdict
say "The tree is as the version has it"


# === configure -----------------------------------------------------------------------------------------------------
phase configure 84 'Making the copy a machine of its own'

enter_image
# The golden client's fstab, with the UUIDs of the fresh filesystems.
{
	printf 'UUID=%s %s\n' "$UUID_MD_2" '/ ext4 defaults 1 1'
	printf 'UUID=%s %s\n' "$UUID_MD_1" '/boot ext4 defaults 1 2'
} | put etc/fstab || fail 'The file /etc/fstab cannot be written'

set_hostname "${INGOT_HOSTNAME:-node01}" "${INGOT_DOMAIN-example.org}"
new_identity

# The image's boot files name the golden client's filesystems.
set_resume ''
set_grub_disks "$DISK_1" "$DISK_2" "$DISK_3" "$DISK_4"

record_arrays /dev/md0 /dev/md1
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

link_uuid "$DEVICE_MD_2" "$UUID_MD_2"
install_grub_bios "$DISK_1" "$DISK_2" "$DISK_3" "$DISK_4"

run_post_install

check_boot "$UUID_MD_2" "$DEVICE_MD_2"
check_bios_boot "$DISK_1"
check_bios_boot "$DISK_2"
check_bios_boot "$DISK_3"
check_bios_boot "$DISK_4"
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
put_away array /dev/md1
put_away array /dev/md0
# From here on the server lets this machine boot from its own disk. The ramdisk reboots when this script has ended.
ingot_post /node/done >/dev/null || fail 'The server cannot be told that the install is done'
