/** Shell for the phase configure: what makes the copy a machine of its own. */
import { quoteWord } from "../../base/posix-quote.ts";
import { variable } from "./script-block.ts";
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

export const configureFunctions = `# --- The machine's own configuration ----------------------------------------------------------------------------------
# enter_image: what programs of the new system need around them.
enter_image() {
	mkdir -p "$TARGET/proc" "$TARGET/sys" "$TARGET/dev" "$TARGET/run" "$TARGET/tmp"
	must "/proc cannot be mounted" mount -t proc proc "$TARGET/proc"
	must "/sys cannot be mounted" mount -t sysfs sysfs "$TARGET/sys"
	must "/dev cannot be mounted" mount --bind /dev "$TARGET/dev"
	must "/run cannot be mounted" mount -t tmpfs -o mode=0755 tmpfs "$TARGET/run"
	if [ -d /run/udev ]; then
		mkdir -p "$TARGET/run/udev"
		must "/run/udev cannot be mounted" mount --bind /run/udev "$TARGET/run/udev"
	fi
	if [ -d /sys/firmware/efi/efivars ]; then
		mount -t efivarfs efivarfs "$TARGET/sys/firmware/efi/efivars" || echo "EFI variables cannot be reached; going on"
	fi
}

# set_hostname NAME DOMAIN: wherever distributions keep it. The golden client's own name goes from the loopback lines of
# /etc/hosts; its other lines speak of the golden client and stay.
set_hostname() {
	old=$(head -n 1 "$TARGET/etc/hostname" 2>/dev/null | tr -cd 'A-Za-z0-9.-')
	full=$1\${2:+.$2}
	echo "$1" | put etc/hostname || fail "/etc/hostname cannot be written"
	if [ -f "$TARGET/etc/HOSTNAME" ]; then
		echo "$full" | put etc/HOSTNAME || fail "/etc/HOSTNAME cannot be written"
	fi
	edit etc/sysconfig/network -e "s/^HOSTNAME=.*/HOSTNAME=$full/"
	if [ -f "$TARGET/etc/mailname" ]; then
		echo "$full" | put etc/mailname || fail "/etc/mailname cannot be written"
	fi
	touch "$TARGET/etc/hosts"
	awk -v old="$old" -v short="$1" -v full="$full" '
		function own() {
			if (!told) print "127.0.1.1\\t" (full == short ? short : full "\\t" short)
			told = 1
		}
		$1 == "127.0.1.1" { own(); next }
		/^[ \\t]*(127\\.|::1)/ {
			line = $1; kept = 0
			for (i = 2; i <= NF; i++) {
				base = $i; sub(/\\..*/, "", base)
				if (old != "" && $i !~ /^localhost/ && ($i == old || base == old)) continue
				line = line (i == 2 ? "\\t" : " ") $i; kept++
			}
			if (kept == NF - 1) print; else if (kept) print line
			if ($1 ~ /^127\\./) own()
			next
		}
		{ print }
		END { own() }' "$TARGET/etc/hosts" >"$WORK/hosts" || fail "/etc/hosts cannot be read"
	put etc/hosts <"$WORK/hosts" || fail "/etc/hosts cannot be written"
}

# forget FILE...: removes what belongs to the golden client alone. Patterns are allowed.
forget() {
	for pattern in "$@"; do
		(
			cd "$TARGET" || exit 1
			# The patterns are to be expanded.
			# shellcheck disable=SC2086
			rm -f -- $pattern
		) || fail "/$pattern cannot be removed"
	done
}

# rename_entries OLD NEW: boot loader entries and kernel-install's token bear the machine-id: under the golden client's, the next
# kernel would find no entry to follow.
rename_entries() {
	if [ "\${#1}" -ne 32 ]; then
		return 0
	fi
	for entry in "$TARGET"/boot/loader/entries/"$1"-*.conf; do
		if [ -f "$entry" ] && [ ! -L "$entry" ]; then
			must "$entry cannot be renamed" mv "$entry" "\${entry%/*}/$2-\${entry##*/"$1"-}"
		fi
	done
	edit etc/kernel/entry-token -e "s/$1/$2/"
}

# new_identity: machine-id, SSH host keys, leases, seeds: two machines must never share them.
new_identity() {
	id=$(tr -d - </proc/sys/kernel/random/uuid)
	rename_entries "$(head -n 1 "$TARGET/etc/machine-id" 2>/dev/null | tr -cd '0-9a-f')" "$id"
	if [ -e "$TARGET/etc/machine-id" ] || [ -d "$TARGET/usr/lib/systemd/system" ] || [ -d "$TARGET/lib/systemd/system" ]; then
		echo "$id" | put etc/machine-id || fail "/etc/machine-id cannot be written"
	fi
	if [ -f "$TARGET/var/lib/dbus/machine-id" ] && [ ! -L "$TARGET/var/lib/dbus/machine-id" ]; then
		echo "$id" | put var/lib/dbus/machine-id || fail "/var/lib/dbus/machine-id cannot be written"
	fi
	forget 'etc/ssh/ssh_host_*key' 'etc/ssh/ssh_host_*key.pub' 'etc/ssh/ssh_host_*key-cert.pub' \\
		'var/lib/dhcp/*.lease*' 'var/lib/dhcp3/*.lease*' 'var/lib/dhclient/*.lease*' 'var/lib/dhcpcd/*' 'var/lib/NetworkManager/*.lease' \\
		'var/lib/NetworkManager/secret_key' 'var/lib/wicked/duid.xml' 'var/lib/wicked/iaid.xml' 'var/lib/wicked/lease-*' \\
		boot/efi/loader/random-seed boot/loader/random-seed efi/loader/random-seed \\
		etc/multipath/bindings etc/multipath/wwids var/lib/multipath/bindings \\
		'var/lib/systemd/network/*' 'var/lib/systemd/random-seed' var/lib/systemd/credential.secret var/lib/urandom/random-seed \\
		etc/udev/rules.d/70-persistent-net.rules etc/udev/rules.d/70-persistent-cd.rules etc/udev/rules.d/z25_persistent-net.rules \\
		etc/lvm/devices/system.devices 'etc/lvm/cache/.cache' 'etc/lvm/archive/*' 'etc/lvm/backup/*' \\
		etc/blkid.tab etc/blkid.tab.old 'etc/blkid/blkid.tab*' etc/nvme/hostnqn etc/nvme/hostid
	if [ -x "$TARGET/usr/bin/ssh-keygen" ] && [ -d "$TARGET/etc/ssh" ]; then
		in_image ssh-keygen -q -A || fail "New SSH host keys cannot be made"
		ls "$TARGET"/etc/ssh/ssh_host_*key >/dev/null 2>&1 || fail "There are no SSH host keys after making them"
	fi
}

# boot_files: the files that may name a filesystem to the kernel or the boot loader, one a line.
boot_files() {
	(
		cd "$TARGET" || exit 1
		for file in etc/default/grub etc/sysconfig/bootloader etc/kernel/cmdline etc/initramfs-tools/conf.d/resume \\
			boot/grub/grub.cfg boot/grub2/grub.cfg boot/grub2/grubenv boot/grub/menu.lst boot/grub/grub.conf \\
			boot/loader/entries/*.conf boot/efi/loader/entries/*.conf boot/efi/EFI/*/grub.cfg; do
			if [ -f "$file" ] && [ ! -L "$file" ]; then
				echo "$file"
			fi
		done
	)
}

# rename_uuid OLD NEW: in the files that the boot needs.
rename_uuid() {
	for file in $(boot_files); do
		edit "$file" -e "s/$1/$2/g"
	done
}

# set_resume UUID: where the kernel looks for a suspended system: the new swap area, or none.
set_resume() {
	for file in $(boot_files); do
		if [ -n "$1" ]; then
			edit "$file" -e "s|\\([\\"' ]\\)resume=[^ \\"']*|\\1resume=UUID=$1|g"
		else
			edit "$file" -e "s|\\([\\"' ]\\)resume=[^ \\"']*|\\1|g"
		fi
	done
	if [ -d "$TARGET/etc/initramfs-tools/conf.d" ]; then
		echo "RESUME=\${1:+UUID=}\${1:-none}" | put etc/initramfs-tools/conf.d/resume || fail "The resume setting cannot be written"
	fi
}

# set_grub_disks DISK...: Debian's GRUB package installs itself again on its own updates, onto the disks it was told.
set_grub_disks() {
	told=$(printf ', %s' "$@")
	if image_has debconf-set-selections && [ -d "$TARGET/var/lib/dpkg" ] && [ -e "$TARGET/var/lib/dpkg/info/grub-pc.list" ]; then
		echo "grub-pc grub-pc/install_devices multiselect \${told#, }" >"$TARGET/run/grub-disk"
		in_image debconf-set-selections /run/grub-disk || fail "GRUB's package cannot be told its disks"
	fi
	forget boot/grub/device.map boot/grub2/device.map
}
`;

/** Only in scripts that have use for it. */
export const swapFileFunctions = `# make_swap_file PATH MIB: written out, because the kernel takes no holes, and without copies on write.
make_swap_file() {
	must "The folder of $1 cannot be made" mkdir -p "$(dirname "$TARGET$1")"
	rm -f "$TARGET$1"
	(umask 077 && : >"$TARGET$1") || fail "The swap file $1 cannot be made"
	chattr +C "$TARGET$1" 2>/dev/null || true
	must "There is no room for the swap file $1" dd if=/dev/zero of="$TARGET$1" bs=1048576 count="$2" conv=fsync status=none
	must "The swap file $1 cannot be made" mkswap "$TARGET$1"
}
`;

export function renderMakeSwapFile(step: StepOf<"make-swap-file">): string {
  return `make_swap_file ${quoteWord(step.path)} ${step.mib}\n`;
}

export function renderWriteFstab(step: StepOf<"write-fstab">): string {
  const lines = step.lines.map((line) =>
    line.kind === "text"
      ? `\tprintf '%s\\n' ${quoteWord(line.text)}`
      : `\tprintf 'UUID=%s %s\\n' "$${variable("UUID", line.place)}" ${quoteWord(line.rest)}`,
  );
  return [
    "enter_image",
    "# The golden client's fstab, with the UUIDs of the fresh filesystems.",
    "{",
    ...(lines.length === 0 ? ["\t:"] : lines),
    "} | put etc/fstab || fail 'The file /etc/fstab cannot be written'",
    "",
  ].join("\n");
}

export function renderSetIdentity(step: StepOf<"set-identity">): string {
  // Host names and domains are letters, digits, dashes and dots.
  const plainName = (text: string) => text.replace(/[^A-Za-z0-9.-]/g, "");
  const hostname = `"\${INGOT_HOSTNAME:-${plainName(step.hostname)}}"`;
  const domain = `"\${INGOT_DOMAIN-${plainName(step.domain ?? "")}}"`;
  return [`set_hostname ${hostname} ${domain}`, "new_identity", ""].join("\n");
}

export function renderRenameDevices(step: StepOf<"rename-devices">): string {
  const renames = step.old.map(
    ({ uuid, place }) => `rename_uuid ${quoteWord(uuid)} "$${variable("UUID", place)}"`,
  );
  const resume = step.swap === undefined ? "''" : `"$${variable("UUID", step.swap)}"`;
  return [
    "# The image's boot files name the golden client's filesystems.",
    ...renames,
    `set_resume ${resume}`,
    `set_grub_disks ${step.bootDisks.map((disk) => `"$DISK_${disk}"`).join(" ")}`,
    "",
  ].join("\n");
}
