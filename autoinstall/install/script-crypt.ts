/**
 * Shell for encrypted volumes (LUKS). The passphrase never stands in the script: it is fetched with the install's token into a
 * file of the ramdisk that only root can read.
 */
import { quoteWord } from "../../base/posix-quote.ts";
import { comment, deviceWord } from "./script-block.ts";
import type { InstallStep, StackDevice } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

/** Only in scripts that have use for them. */
export const cryptFunctions = `# --- Encrypted volumes ------------------------------------------------------------------------------------------------
# fetch_key: the passphrase, from the server or from the file that INGOT_LUKS_KEY names. Nothing was written yet.
fetch_key() {
	KEY=\${INGOT_LUKS_KEY:-}
	if [ -z "$KEY" ]; then
		KEY=$WORK/luks.key
		(umask 077 && ingot_fetch /node/luks-key "$KEY") ||
			fail "The server has no passphrase for this machine's encrypted volumes. Nothing was changed"
	fi
	if [ ! -s "$KEY" ]; then
		fail "The passphrase for encrypted volumes ($KEY) is empty. Nothing was changed"
	fi
}

# make_crypt DEVICE NAME: encrypts and unlocks.
make_crypt() {
	must "$1 cannot be encrypted" cryptsetup luksFormat --batch-mode --type luks2 --key-file "$KEY" "$1"
	must "The encrypted volume $2 cannot be unlocked" cryptsetup open --type luks2 --key-file "$KEY" "$1" "$2"
	wait_for "/dev/mapper/$2"
}

# add_boot_words WORD: on the kernel's command line, wherever the image keeps it.
add_boot_words() {
	edit etc/default/grub -e "s|^\\\\(GRUB_CMDLINE_LINUX=[\\"']\\\\)|\\\\1$1 |"
	edit etc/kernel/cmdline -e "1s|$| $1|"
	for file in $(boot_files); do
		case $file in
		boot/loader/entries/* | boot/efi/loader/entries/*) edit "$file" -e "/^options/s|$| $1|" ;;
		esac
	done
}
`;

export const recordCryptFunctions = `# record_crypts -- [NAME DEVICE OPTIONS]...: /etc/crypttab has the volumes that were made. The golden client's other lines become
# comments: what has the same name here is another device, and a line with /dev/urandom would write over it.
record_crypts() {
	shift
	if [ $# -eq 0 ] && [ ! -s "$TARGET/etc/crypttab" ]; then
		return 0
	fi
	if [ $# -gt 0 ]; then
		image_has cryptsetup || fail "The layout has encrypted volumes and the image has no cryptsetup: add its package to the image"
		if image_has update-initramfs && [ ! -e "$TARGET/usr/share/initramfs-tools/hooks/cryptroot" ]; then
			fail "The image's initramfs could not unlock encrypted volumes: add the package cryptsetup-initramfs to the image"
		fi
	fi
	: >"$WORK/crypttab"
	names=
	for file in $(boot_files); do
		edit "$file" -e 's/ *rd\\.luks\\.\\(uuid\\|name\\|options\\|key\\)=[^ "]*//g'
	done
	while [ $# -gt 0 ]; do
		uuid=$(cryptsetup luksUUID "$2") || fail "$2 is not an encrypted volume"
		options=$3
		if image_has update-initramfs; then
			options=$options,initramfs
		elif image_has dracut; then
			add_boot_words "rd.luks.name=$uuid=$1"
		fi
		echo "$1 UUID=$uuid none $options" >>"$WORK/crypttab"
		names="$names $1 "
		shift 3
	done
	if [ -f "$TARGET/etc/crypttab" ] && [ ! -L "$TARGET/etc/crypttab" ]; then
		awk -v names="$names" '
			/^[ \\t]*(#|$)/ { print; next }
			index(names, " " $1 " ") { next }
			{ print "# Not on this machine: " $0 }' "$TARGET/etc/crypttab" >>"$WORK/crypttab" ||
			fail "/etc/crypttab cannot be read"
	fi
	put etc/crypttab <"$WORK/crypttab" || fail "/etc/crypttab cannot be written"
}
`;

export function renderMakeCrypt(step: StepOf<"make-crypt">): string {
  return [
    `# ${comment(step.purpose)}`,
    `make_crypt ${deviceWord(step.place)} ${quoteWord(step.name)}`,
    "",
  ].join("\n");
}

export function renderRecordCrypts(devices: readonly StackDevice[]): string {
  const words = devices.flatMap((one) =>
    one.kind === "crypt" ? [quoteWord(one.name), deviceWord(one.place), quoteWord(one.options)] : [],
  );
  return ["record_crypts --", ...words].join(" ");
}
