# shellcheck shell=sh
# What the master script calls while it writes a disk on the server: the counterpart of the install ramdisk's library. File
# descriptor 3 leads to the daemon, 4 is the version's stream. Variables TARGET and WORK, and in_image and put, are the script's.

# ingot_report PHASE PERCENT MESSAGE [BYTES]
ingot_report() {
	printf 'report %s %s %s\n' "$1" "$2" "$3" >&3
	case $1 in
	initramfs) prepare_for_any_machine ;;
	bootloader) choose_uefi_loader ;;
	finish) name_boot_disk ;;
	esac
}

# ingot_fail PHASE MESSAGE
ingot_fail() {
	printf 'fail %s %s\n' "$1" "$2" >&3
}

# ingot_fetch PATH [FILE]: there is no node, so there are no scripts and no passphrase for one; all else is the tree.
ingot_fetch() {
	case $1 in
	/node/scripts/*) : >"$2" ;;
	/node/luks-key) return 1 ;;
	*) cat <&4 ;;
	esac
}

# ingot_post PATH [FILE]: the daemon is asked for its verdict on what was written, and answers through a named pipe.
ingot_post() {
	case $1 in
	/node/verify*)
		printf 'verify %s %s\n' "${1##*listing=}" "$2" >&3
		cat "$INGOT_FOLDER/verdict" >"$INGOT_FOLDER/answer"
		if [ -s "$INGOT_FOLDER/answer" ]; then
			cat "$INGOT_FOLDER/answer"
			return 1
		fi
		;;
	esac
}

# prepare_for_any_machine: the hardware at hand is the server's, and the disk is for another machine.
prepare_for_any_machine() {
	if grep -qs '^MODULES=dep' "$TARGET/etc/initramfs-tools/initramfs.conf"; then
		echo MODULES=most | put etc/initramfs-tools/conf.d/zz-ingot-any-machine
	fi
}

# name_boot_disk: GRUB's package is told the name that the layout gives the disk, not the loop device's.
name_boot_disk() {
	if [ -e "$TARGET/var/lib/dpkg/info/grub-pc.list" ] && [ -x "$TARGET/usr/bin/debconf-set-selections" ]; then
		echo "grub-pc grub-pc/install_devices multiselect $(cat "$INGOT_FOLDER/disk-name")" >"$TARGET/run/grub-disk"
		in_image debconf-set-selections /run/grub-disk
	fi
}

# choose_uefi_loader: the script has defined all its functions by now, and this one takes the place of one of them.
choose_uefi_loader() {
	if ! kernel_knows_vfat; then
		# shellcheck disable=SC2317 # the script calls it
		install_grub_uefi() { make_uefi_loader "$@"; }
	fi
}

# shellcheck source=/dev/null
. "$INGOT_FOLDER/fat-library.sh"
if kernel_knows_vfat; then
	unset -f mount umount
fi
