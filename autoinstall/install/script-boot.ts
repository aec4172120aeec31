/** Shell for the phases initramfs, bootloader and finish. */
import { quoteArgv, quoteWord } from "../../base/posix-quote.ts";
import { variable } from "./script-block.ts";
import { renderPutAway } from "./script-stack.ts";
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

export const bootFunctions = `# --- Booting ---------------------------------------------------------------------------------------------------------
# kernels: versions of the kernels that the image boots, one a line.
kernels() {
	for kernel in "$TARGET"/boot/vmlinuz-* "$TARGET"/boot/vmlinux-*; do
		version=\${kernel##*/vmlinu[xz]-}
		if [ -f "$kernel" ] && [ -d "$TARGET/lib/modules/$version" ]; then
			echo "$version"
		fi
	done
}

# initramfs_of VERSION: the file, in the distribution's way of naming it.
initramfs_of() {
	for name in "initrd.img-$1" "initramfs-$1.img" "initrd-$1.img" "initrd-$1"; do
		if [ -s "$TARGET/boot/$name" ]; then
			echo "boot/$name"
			return
		fi
	done
}

# build_initramfs: for the hardware at hand, for every kernel, with the image's own program.
build_initramfs() {
	found=$(kernels)
	if [ -z "$found" ]; then
		fail "The image has no kernel in /boot with modules in /lib/modules"
	fi
	count=$(echo "$found" | wc -l)
	done=0
	for version in $found; do
		PERCENT=$(($1 + ($2 - $1) * done / count))
		say "Building the initramfs for $version"
		if image_has update-initramfs; then
			in_image update-initramfs -u -k "$version" || fail "update-initramfs failed for $version"
		elif image_has dracut; then
			file=$(initramfs_of "$version")
			general=
			if in_image dracut --help 2>&1 | grep -q -e --no-hostonly; then
				general=--no-hostonly
			fi
			in_image dracut --force $general "/\${file:-boot/initramfs-$version.img}" "$version" || fail "dracut failed for $version"
		elif image_has mkinitrd; then
			file=$(initramfs_of "$version")
			in_image mkinitrd -f "/\${file:-boot/initrd-$version.img}" "$version" || fail "mkinitrd failed for $version"
		elif [ -z "$(initramfs_of "$version")" ]; then
			say "The image has no program for an initramfs, and none for $version: the kernel is taken to do without"
		else
			fail "The image has an initramfs for $version but no program that builds one"
		fi
		done=$((done + 1))
	done
}

# link_uuid DEVICE UUID: grub-mkconfig names the root by UUID only where udev has made this link.
link_uuid() {
	if command -v udevadm >/dev/null; then
		udevadm settle --timeout=10 || true
	fi
	if [ ! -e "/dev/disk/by-uuid/$2" ]; then
		mkdir -p /dev/disk/by-uuid
		ln -s "$1" "/dev/disk/by-uuid/$2" || fail "The link for UUID $2 cannot be made"
	fi
}

# grub_program NAME: grub-NAME or grub2-NAME, as the image has it.
grub_program() {
	for program in "grub-$1" "grub2-$1"; do
		if image_has "$program"; then
			echo "$program"
			return
		fi
	done
	fail "The image has no grub-$1: a boot loader cannot be installed from it"
}

# configure_grub: writes grub.cfg with the image's own program.
configure_grub() {
	for folder in boot/grub2 boot/grub; do
		if [ -d "$TARGET/$folder" ]; then
			configure=$(grub_program mkconfig) || exit 1
			in_image "$configure" -o "/$folder/grub.cfg" || fail "$configure failed"
			return
		fi
	done
	fail "There is no /boot/grub in the image"
}

# install_grub_bios DISK...: GRUB into the first sectors of each disk.
install_grub_bios() {
	install=$(grub_program install) || exit 1
	for disk in "$@"; do
		in_image "$install" --target=i386-pc --recheck "$disk" || fail "$install onto $disk failed"
	done
	configure_grub
}

# check_boot UUID DEVICE: what the boot loader will look for is there. A root on LVM is named by its device.
check_boot() {
	mapped=$(readlink -f "$2")
	mapped=$(cat "/sys/class/block/\${mapped##*/}/dm/name" 2>/dev/null || echo none)
	if ! cat "$TARGET"/boot/grub/grub.cfg "$TARGET"/boot/grub2/grub.cfg "$TARGET"/boot/grub2/grubenv "$TARGET"/boot/loader/entries/*.conf 2>/dev/null |
		grep -q -e "root=UUID=$1" -e "root=/dev/mapper/$mapped"; then
		fail "The boot loader's configuration does not name the new root filesystem (UUID=$1)"
	fi
	for version in $(kernels); do
		if image_has update-initramfs || image_has dracut || image_has mkinitrd; then
			if [ -z "$(initramfs_of "$version")" ]; then
				fail "There is no initramfs for kernel $version"
			fi
		fi
	done
}

# check_bios_boot DISK: there is code in the first sector.
check_bios_boot() {
	code=$(dd if="$1" bs=440 count=1 status=none | tr -d '\\000' | wc -c)
	if [ "$code" -lt 64 ]; then
		fail "There is no boot code in the first sector of $1"
	fi
}

# label_files: files that were made in the image have no SELinux label yet.
label_files() {
	if ! grep -q -E '^SELINUX=(enforcing|permissive)' "$TARGET/etc/selinux/config" 2>/dev/null; then
		return 0
	fi
	policy=$(sed -n 's/^SELINUXTYPE=//p' "$TARGET/etc/selinux/config" | head -n 1)
	contexts=/etc/selinux/$policy/contexts/files/file_contexts
	if ! in_image setfiles -F "$contexts" /etc/fstab /etc/hostname /etc/hosts /etc/machine-id /etc/ssh /boot; then
		echo "setfiles failed: the new system labels its files at its first boot"
		: >"$TARGET/.autorelabel"
	fi
}

# leave_image: unmounts everything, deepest first.
leave_image() {
	sync
	# A blank in a path is written \\040 there.
	awk -v root="$TARGET" '$2 == root || index($2, root "/") == 1 { print $2 }' /proc/mounts | LC_ALL=C sort -r |
		sed 's/\\\\\\([0-7]\\)/\\\\0\\1/g' | while read -r mounted; do
		must "$mounted cannot be unmounted" umount "$(printf '%b' "$mounted")"
	done || exit 1
	sync
}
`;

export function renderBuildInitramfs(range: { readonly from: number; readonly to: number }): string {
  return `build_initramfs ${range.from} ${range.to}\n`;
}

function bootDiskWords(disks: readonly number[]): string {
  return disks.map((disk) => `"$DISK_${disk}"`).join(" ");
}

export function renderInstallBootloader(step: StepOf<"install-bootloader">): string {
  const install =
    step.firmware === "uefi"
      ? `install_grub_uefi ${quoteArgv(step.esps)}`
      : `install_grub_bios ${bootDiskWords(step.bootDisks)}`;
  return [
    `link_uuid "$${variable("DEVICE", step.root)}" "$${variable("UUID", step.root)}"`,
    install,
    "",
  ].join("\n");
}

export function renderCheckBoot(step: StepOf<"check-boot">): string {
  const firmware =
    step.firmware === "uefi"
      ? step.esps.map((folder) => `check_uefi_boot ${quoteWord(folder)}`)
      : step.bootDisks.map((disk) => `check_bios_boot "$DISK_${disk}"`);
  const root = `check_boot "$${variable("UUID", step.root)}" "$${variable("DEVICE", step.root)}"`;
  return [root, ...firmware, "label_files", ""].join("\n");
}

export function renderFinish(step: StepOf<"finish">): string {
  const image = `"\${INGOT_IMAGE:-${step.image.replace(/[^A-Za-z0-9@._+-]/g, "")}}"`;
  return [
    'if [ -d "$TARGET/etc/systemimager" ]; then',
    "\t{",
    `\t\techo ${image}`,
    '\t\tif [ -n "$OVERRIDES" ]; then',
    `\t\t\techo "overrides $OVERRIDES" | tr , ' '`,
    "\t\tfi",
    "\t} | put etc/systemimager/IMAGE_LAST_SYNCED_TO || fail 'The image cannot be noted'",
    "fi",
    "set_flags",
    "leave_image",
    ...renderPutAway(step.stack),
    "# From here on the server lets this machine boot from its own disk. The ramdisk reboots when this script has ended.",
    "ingot_post /node/done >/dev/null || fail 'The server cannot be told that the install is done'",
    "",
  ].join("\n");
}
