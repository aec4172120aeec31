/** Shell for the phase bootloader under UEFI: loaders on the EFI system partition, entries and order in the firmware's variables. */

export const uefiFunctions = `# --- Booting under UEFI ----------------------------------------------------------------------------------------------
# secure_boot_is_on: the variable holds four bytes of attributes, then 1 or 0.
secure_boot_is_on() {
	variable=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
	[ -r "$variable" ] && [ "$(tail -c 1 "$variable" | od -An -tu1 | tr -d ' ')" = 1 ]
}

# unsigned_refused: the firmware starts nothing that is not signed, and the site signs nothing itself.
unsigned_refused() {
	secure_boot_is_on && [ "\${INGOT_UNSIGNED:-}" != yes ]
}

# has_variables: the firmware lets us write boot entries.
has_variables() {
	[ -n "$(ls /sys/firmware/efi/efivars 2>/dev/null)" ]
}

# boot_order: the firmware's order, as in 0003,0000,0001.
boot_order() {
	efibootmgr | sed -n 's/^BootOrder: //p'
}

# loader_names: by processor, the names that loaders have in all distributions.
loader_names() {
	case $(uname -m) in
	aarch64) platform=arm64-efi suffix=aa64 fallback=BOOTAA64.EFI ;;
	*) platform=x86_64-efi suffix=x64 fallback=BOOTX64.EFI ;;
	esac
}

# first_file FILE...: the first that is there and not empty.
first_file() {
	for file in "$@"; do
		if [ -s "$file" ]; then
			echo "$file"
			return
		fi
	done
}

# vendor_folder ESP: where the distribution's package has put its own shim and GRUB, both of them signed: EFI/redhat and the like.
vendor_folder() {
	for folder in "$TARGET$1"/EFI/*; do
		case \${folder##*/} in
		[Bb][Oo][Oo][Tt] | *[!A-Za-z0-9._-]*) continue ;;
		esac
		if [ -n "$(first_file "$folder/shim$suffix.efi" "$folder/shim.efi")" ] &&
			[ -n "$(first_file "$folder/grub$suffix.efi" "$folder/grub.efi")" ]; then
			echo "EFI/\${folder##*/}"
			return
		fi
	done
}

# grub_modules: what the image's grub-install makes a loader from.
grub_modules() {
	for folder in usr/lib/grub usr/lib/grub2 usr/share/grub2; do
		if [ -d "$TARGET/$folder/$platform" ]; then
			echo "$folder/$platform"
			return
		fi
	done
}

# make_loaders ESP...: GRUB by the image's own program, which takes signed loaders where the image has them, under its own name
# and at the fallback path, which needs no boot entry. Further ESPs are those of other disks: they get the fallback path, for
# the day the first disk is gone.
make_loaders() {
	variables=
	if ! has_variables; then
		variables=--no-nvram
	fi
	in_image "$install" --target="$platform" --efi-directory="$1" --recheck $variables || fail "$install failed"
	for esp in "$@"; do
		in_image "$install" --target="$platform" --efi-directory="$esp" --removable || fail "$install at the fallback path of $esp failed"
	done
}

# keep_loaders VENDOR ESP...: the distribution's loaders as its packages left them in the ESP. GRUB reads grub.cfg in its own
# folder there, which leads it to the new /boot. At the fallback path the distribution's fb*.efi makes the boot entry anew;
# where there is none, GRUB stands there too.
keep_loaders() {
	vendor=$1
	shift
	boot=boot/grub2
	if [ ! -d "$TARGET/$boot" ]; then
		boot=boot/grub
	fi
	probe=$(grub_program probe) || exit 1
	relative=$(grub_program mkrelpath) || exit 1
	uuid=$(in_image "$probe" --target=fs_uuid "/$boot") || fail "$probe cannot say on which filesystem /$boot is"
	inside=$(in_image "$relative" "/$boot") || fail "$relative cannot say where /$boot is on its filesystem"
	first=$1
	for esp in "$@"; do
		if [ "$esp" != "$first" ]; then
			must "The loaders cannot be copied to $esp" mkdir -p "$TARGET$esp/EFI"
			must "The loaders cannot be copied to $esp" cp -R "$TARGET$first/$vendor" "$TARGET$esp/EFI/"
		fi
		must "The fallback path of $esp cannot be made" mkdir -p "$TARGET$esp/EFI/BOOT"
		shim=$(first_file "$TARGET$esp/$vendor/shim$suffix.efi" "$TARGET$esp/$vendor/shim.efi")
		must "The fallback path of $esp cannot be written" cp "$shim" "$TARGET$esp/EFI/BOOT/$fallback"
		folders=$vendor
		if [ ! -s "$TARGET$esp/EFI/BOOT/fb$suffix.efi" ]; then
			grub=$(first_file "$TARGET$esp/$vendor/grub$suffix.efi" "$TARGET$esp/$vendor/grub.efi")
			must "The fallback path of $esp cannot be written" cp "$grub" "$TARGET$esp/EFI/BOOT/"
			folders="$vendor EFI/BOOT"
		fi
		for folder in $folders; do
			{
				echo "search --no-floppy --fs-uuid --set=dev $uuid"
				echo "set prefix=(\\$dev)$inside"
				echo 'export prefix'
				echo 'configfile $prefix/grub.cfg'
			} | put "\${esp#/}/$folder/grub.cfg" || fail "$esp/$folder/grub.cfg cannot be written"
		done
	done
	if has_variables; then
		shim=$(first_file "$TARGET$first/$vendor/shim$suffix.efi" "$TARGET$first/$vendor/shim.efi")
		make_boot_entry "$first" "\${vendor#EFI/}" "\${shim##*/}"
	fi
}

# make_boot_entry ESP VENDOR LOADER: in the firmware's variables, in place of those that had this name.
make_boot_entry() {
	device=$(readlink -f "$(findmnt --noheadings --output SOURCE --mountpoint "$TARGET$1")")
	part=/sys/class/block/\${device##*/}
	if [ ! -r "$part/partition" ]; then
		say "The ESP $1 is no partition of one disk: the firmware finds it by its fallback path"
		return 0
	fi
	for number in $(efibootmgr | sed -n "s/^Boot\\([0-9A-F]\\{4\\}\\)[* ] $2\\([[:space:]].*\\)\\{0,1\\}$/\\1/p"); do
		must "The old boot entry $number cannot be removed" efibootmgr --quiet --bootnum "$number" --delete-bootnum
	done
	disk=$(readlink -f "$part/..")
	must "The firmware takes no boot entry" efibootmgr --quiet --create --disk "/dev/\${disk##*/}" --part "$(cat "$part/partition")" \\
		--label "$2" --loader "\\\\EFI\\\\$2\\\\$3"
}

# keep_network_first ORDER CURRENT: who makes a boot entry makes it the first. Where this machine boots from the network before
# anything else, it still does, and so asks the server at each start; the new entry comes next.
keep_network_first() {
	if [ -z "$2" ] || [ "\${1%%,*}" != "$2" ]; then
		return 0
	fi
	rest=$(boot_order | tr , '\\n' | grep -v "^$2$" | paste -s -d , -)
	must "The firmware takes no boot order" efibootmgr --quiet --bootorder "$2\${rest:+,$rest}"
	say "The firmware's boot order is $(boot_order)"
}

# install_grub_uefi ESP...: loaders into the ESPs that are mounted there, and GRUB's configuration.
install_grub_uefi() {
	loader_names
	order=
	current=
	if has_variables; then
		order=$(boot_order)
		current=$(efibootmgr | sed -n 's/^BootCurrent: //p')
	fi
	vendor=$(vendor_folder "$1")
	modules=$(grub_modules)
	install=$(grub_program install) || exit 1
	# Where it is called grub2-install, it knows nothing of Secure Boot, and some refuse to run.
	if [ -n "$vendor" ] && { [ -z "$modules" ] || [ "$install" = grub2-install ]; }; then
		say "Taking the loaders of the image's $1/$vendor"
		keep_loaders "$vendor" "$@"
	elif [ -n "$modules" ]; then
		make_loaders "$@"
	else
		fail "The image has no GRUB for UEFI: add its grub-efi package (Debian), or grub2-efi and shim (Red Hat, SUSE), to the image"
	fi
	if [ -n "$order" ]; then
		keep_network_first "$order" "$current"
	fi
	configure_grub
}

# is_signed LOADER ESP: it is the image's shim.
is_signed() {
	for shim in "$TARGET/usr/lib/shim/shim$suffix.efi.signed" "$TARGET$2"/EFI/*/shim*.efi; do
		if cmp -s "$shim" "$1"; then
			return 0
		fi
	done
	return 1
}

# check_uefi_boot ESP: there is a loader at the fallback path of the ESP, and where Secure Boot is on it is a signed one.
check_uefi_boot() {
	loader=$(first_file "$TARGET$1"/EFI/BOOT/*.EFI "$TARGET$1"/EFI/BOOT/*.efi "$TARGET$1"/EFI/boot/*.efi)
	if [ -z "$loader" ]; then
		fail "There is no loader at the fallback path of the ESP at $1"
	fi
	if unsigned_refused && ! is_signed "$TARGET$1/EFI/BOOT/$fallback" "$1"; then
		fail "Secure Boot is on, and the loader at the fallback path of the ESP at $1 is not the image's shim"
	fi
}
`;

/** Before a disk is touched. */
export function renderRefuseUnsigned(): string {
  return [
    "# The image has no signed loader: a machine with Secure Boot on would not start it.",
    "if unsigned_refused; then",
    "\tfail 'Secure Boot is on, and the image has no signed loader: add shim-signed and grub-efi-amd64-signed (Debian, Ubuntu) or shim and grub2-efi (Red Hat, SUSE) to the image and commit it, or turn Secure Boot off. Nothing was changed'",
    "fi",
    "",
  ].join("\n");
}
