# shellcheck shell=sh
# Names of loaders are what the script's loader_names sets.
# shellcheck disable=SC2154
# What the master script calls in place of programs where the server's kernel does not know vfat, which is common in the cloud: an
# EFI system partition is a tmpfs while it is filled, and mtools copies it into the partition when it is unmounted. grub-install
# refuses such a folder, so the loader is made by grub-mkimage. Variables TARGET and INGOT_FOLDER, and in_image, fail,
# grub_program and what it has for UEFI, are the script's.

# kernel_knows_vfat: true where it does, or has a module for it.
kernel_knows_vfat() {
	grep -q 'vfat$' /proc/filesystems || { modprobe -q vfat 2>/dev/null && grep -q 'vfat$' /proc/filesystems; }
}

# last_of ARGUMENT...: the last one.
last_of() {
	shift $(($# - 1))
	printf '%s\n' "$1"
}

# mount ARGUMENT... DEVICE FOLDER
mount() {
	case " $* " in
	*" -t vfat "*)
		if ! command -v mcopy >/dev/null; then
			fail "This server's kernel does not know vfat, and mtools is not installed: an EFI system partition cannot be written"
		fi
		command mount -t tmpfs -o mode=755 tmpfs "$(last_of "$@")" || return
		shift $(($# - 2))
		printf '%s %s\n' "$1" "$2" >>"$INGOT_FOLDER/fat-folders"
		;;
	*) command mount "$@" ;;
	esac
}

# umount ARGUMENT... FOLDER
umount() {
	if [ -e "$INGOT_FOLDER/fat-folders" ]; then
		while read -r fat_device fat_folder; do
			if [ "$fat_folder" = "$(last_of "$@")" ]; then
				fill_fat "$fat_device" "$fat_folder" || return
			fi
		done <"$INGOT_FOLDER/fat-folders"
	fi
	command umount "$@"
}

# fill_fat DEVICE FOLDER: what the folder holds becomes what the filesystem on the device holds.
fill_fat() {
	(
		cd "$2" || exit
		set -- "$1" ./*
		if [ "$2" != './*' ]; then
			device=$1
			shift
			mcopy -s -m -Q -i "$device" "$@" ::
		fi
	) </dev/null
}

# make_uefi_loader FOLDER...: takes the place of the script's install_grub_uefi.
make_uefi_loader() {
	loader_names
	vendor=$(vendor_folder "$1")
	modules_folder=$(grub_modules)
	if [ -z "$modules_folder" ] && [ -n "$vendor" ]; then
		keep_loaders "$vendor" "$@"
		configure_grub
		return
	fi
	if [ -z "$modules_folder" ]; then
		fail "The image has no GRUB for UEFI: add its grub-efi package to the image"
	fi
	if [ -d "$TARGET/boot/grub2" ]; then
		grub=/boot/grub2
	else
		grub=/boot/grub
		in_image mkdir -p "$grub" || fail "There is no /boot/grub in the image, and none can be made"
	fi
	mkimage=$(grub_program mkimage) || exit 1
	probe=$(grub_program probe) || exit 1
	relative=$(grub_program mkrelpath) || exit 1
	uuid=$(in_image "$probe" --target=fs_uuid "$grub") || fail "$probe does not know the filesystem of $grub"
	prefix=$(in_image "$relative" "$grub") || fail "$relative does not know $grub"
	# shellcheck disable=SC2016 # GRUB's own variable
	printf 'search.fs_uuid %s root\nset prefix=($root)%s\n' "$uuid" "$prefix" >"$TARGET/run/ingot-early-grub.cfg"
	modules=$(in_image "$probe" --target=abstraction "$grub")
	modules="$modules $(in_image "$probe" --target=fs "$grub") part_gpt part_msdos search search_fs_uuid normal configfile linux echo test"
	in_image mkdir -p "$grub/$platform" "$grub/fonts" || fail "GRUB's modules cannot be copied"
	# shellcheck disable=SC2016 # for the inner shell
	in_image sh -c 'cp "/$1/"*.mod "/$1/"*.lst "$2/"' sh "$modules_folder" "$grub/$platform" || fail "GRUB's modules cannot be copied"
	if [ -f "$TARGET/usr/share/grub/unicode.pf2" ]; then
		in_image cp /usr/share/grub/unicode.pf2 "$grub/fonts/" || fail "GRUB's font cannot be copied"
	fi
	for folder in "$@"; do
		in_image mkdir -p "$folder/EFI/BOOT" || fail "The loader cannot be written to $folder"
		# shellcheck disable=SC2086 # a list of names
		in_image "$mkimage" -O "$platform" -d "/$modules_folder" -c /run/ingot-early-grub.cfg -p "$prefix" \
			-o "$folder/EFI/BOOT/$fallback" $modules || fail "$mkimage failed"
	done
	rm -f "$TARGET/run/ingot-early-grub.cfg"
	configure_grub
}
