#!/bin/sh
# Ingot master script: installs web@3 on node01.
#
# It runs in Ingot's install ramdisk. Each step is checked: the first that fails is reported with its message and ends
# the install; success is told to the server only after what was written has been compared with the version.
#
# Text in single quotes, of the layout and for inner programs, is not to be expanded here.
# shellcheck disable=SC2016
set -u

# --- How this script works -------------------------------------------------------------------------------------------
# The library of the install ramdisk: ingot_fetch, ingot_post, ingot_report, ingot_fail. INGOT_SERVER, INGOT_PIN,
# INGOT_TOKEN and INGOT_MAC are in the environment. Further variables that may be set by hand:
#   INGOT_DISKS="/dev/sda /dev/sdb"  install onto these disks, in the layout's order
#   INGOT_WIPE=yes                   whatever the disks hold may go
#   INGOT_STOP_BEFORE=write          end before a phase, in order to look at what was done
#   INGOT_LUKS_KEY=FILE              the passphrase for encrypted volumes, instead of asking the server
#   INGOT_UNSIGNED=yes               Secure Boot is on and loaders are not a shim: the site signs them itself
# The server tells these where the script was pinned for more than one node:
#   INGOT_HOSTNAME, INGOT_DOMAIN, INGOT_IMAGE
TARGET=${INGOT_TARGET:-/target}
# The library lies in the ramdisk, not beside this script.
# shellcheck source=/dev/null
. "${INGOT_LIBRARY:-/lib/ingot/node.sh}"
WORK=$(mktemp -d) || exit 1
PHASE=script
PERCENT=1

# fail MESSAGE: tells the server which step failed and why, and ends the install. Nothing runs after it.
fail() {
	ingot_fail "$PHASE" "$1"
	exit 1
}

# must MESSAGE COMMAND...: runs a command that has to succeed.
must() {
	message=$1
	shift
	"$@" || fail "$message ($1 ended with code $?)"
}

# phase NAME PERCENT MESSAGE: says where the install is.
phase() {
	if [ "${INGOT_STOP_BEFORE:-}" = "$1" ]; then
		echo "Stopped before the phase $1, as INGOT_STOP_BEFORE asks"
		exit 0
	fi
	PHASE=$1
	PERCENT=$2
	ingot_report "$PHASE" "$PERCENT" "$3"
}

# reach PERCENT MESSAGE: a report inside a phase, from where the install goes on.
reach() {
	PERCENT=$1
	say "$2"
}

# say MESSAGE: a report inside a phase.
say() {
	ingot_report "$PHASE" "$PERCENT" "$1"
}

# partition DISK NUMBER: the device node; a p stands between where the disk's name ends in a digit.
partition() {
	case $1 in
	*[0-9]) echo "$1p$2" ;;
	*) echo "$1$2" ;;
	esac
}

# put FILE: writes standard input to a file of the new system. A file that is there keeps owner, mode and label; a symbolic
# link is replaced and never followed.
put() {
	if [ -L "$TARGET/$1" ]; then
		rm -f "$TARGET/$1"
	fi
	mkdir -p "$(dirname "$TARGET/$1")" && cat >"$TARGET/$1"
}

# edit FILE SED-ARGUMENT...: edits a regular file of the new system in place, if it is there.
edit() {
	edited=$1
	shift
	if [ ! -f "$TARGET/$edited" ] || [ -L "$TARGET/$edited" ]; then
		return 0
	fi
	if ! sed "$@" "$TARGET/$edited" >"$WORK/edited" || ! cat "$WORK/edited" >"$TARGET/$edited"; then
		fail "Cannot edit /$edited"
	fi
}

# in_image COMMAND...: runs a program of the new system inside it.
in_image() {
	chroot "$TARGET" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C TERM=linux \
		DEBIAN_FRONTEND=noninteractive GRUB_DISABLE_OS_PROBER=true "$@" </dev/null
}

# image_has PROGRAM: true where the new system has it.
image_has() {
	in_image sh -c 'command -v "$1" >/dev/null' sh "$1"
}

# --- Disks -----------------------------------------------------------------------------------------------------------
# disk_mib DISK: its size in MiB.
disk_mib() {
	bytes=$(blockdev --getsize64 "$1") || return 1
	echo $((bytes / 1048576))
}

# need_programs NAME...: refuses an install that could not be finished, before anything is written.
need_programs() {
	for program in "$@"; do
		if ! command -v "$program" >/dev/null; then
			fail "The install ramdisk has no $program: build the flavor anew. Nothing was changed"
		fi
	done
}

# in_use DISK: true where a filesystem or swap area of it is in use.
in_use() {
	lsblk --noheadings --raw --output MOUNTPOINT "$1" | grep -q '[^ ]'
}

# Disks that were found by what the layout says of them.
TAKEN=
# Disks that were listed already.
paths=

# candidates: the disks that may be installed onto, in the order of their places on the bus, one a line: writable, fixed,
# none of their filesystems mounted. Of several paths to one disk, the first.
candidates() {
	lsblk --nodeps --noheadings --raw --bytes --output PATH,TYPE,RO,RM,SIZE | while read -r path type ro rm size; do
		case $path in
		/dev/ram* | /dev/zram* | /dev/fd* | /dev/sr* | /dev/nbd*) continue ;;
		esac
		case " $TAKEN " in
		*" $path "*) continue ;;
		esac
		if [ "$type" = disk ] && [ "$ro$rm" = 00 ] && [ "$size" -gt 0 ] && ! in_use "$path"; then
			printf '%s %s\n' "$(readlink -f "/sys/class/block/$(lsblk --nodeps --noheadings --raw --output KNAME "$path")")" "$path"
		fi
	done | LC_ALL=C sort | cut -d ' ' -f 2 | while read -r path; do
		own=$(property "$path" WWN)/$(property "$path" SERIAL)
		case " $paths " in
		*" $own "*) continue ;;
		esac
		if [ "${own%%/*}" != "" ]; then
			paths="$paths $own"
		fi
		echo "$path"
	done
}

# is_blank DISK: true where nothing is recognised on it but, at most, a table without partitions.
is_blank() {
	! wipefs --noheadings --output TYPE "$1" 2>/dev/null | grep -q -v -x -E ' *(gpt|PMBR|dos) *' &&
		[ "$(lsblk --noheadings --raw --output NAME "$1" | wc -l)" -eq 1 ]
}

# is_ours DISK: true where an earlier install of Ingot partitioned it, as the mark in its label's id says.
is_ours() {
	case $(blkid --probe --match-tag PTUUID --output value "$1") in
	494e474f-????-*) true ;;
	494e????) true ;;
	*) false ;;
	esac
}

# label_id LABEL: a fresh id for a label, with Ingot's mark.
label_id() {
	read -r random </proc/sys/kernel/random/uuid
	case $1 in
	gpt) echo "494E474F-${random#*-}" ;;
	*) echo "0x494e$(echo "$random" | cut -c 1-4)" ;;
	esac
}

# may_wipe DISK RULE: refuses a disk that holds something of somebody else, unless it was said that this may go.
may_wipe() {
	if [ "${INGOT_WIPE:-}" = yes ] || [ "$2" = wipe ] || is_blank "$1" || is_ours "$1"; then
		return 0
	fi
	holds=$(lsblk --noheadings --raw --output PATH "$1" | while read -r node; do
		printf '%s %s; ' "$node" "$(blkid --probe --match-tag TYPE --match-tag PTTYPE --match-tag LABEL --output value "$node" | tr '\n' ' ')"
	done)
	fail "$1 holds data that is not Ingot's ($holds): deploy with --wipe if it may go. Nothing was changed"
}

# property DISK COLUMN: what lsblk says of the disk.
property() {
	lsblk --nodeps --noheadings --raw --output "$2" "$1" | sed -e 's/\\x20/ /g' -e 's/^ *//' -e 's/ *$//'
}

# same_disk LINK DISK: true where the link leads to the disk.
same_disk() {
	[ -e "$1" ] && [ "$(readlink -f "$1")" = "$(readlink -f "$2")" ]
}

# matches DISK CONDITIONS: true where all of the conditions hold, which are joined by commas.
matches() {
	conditions=$2,
	while [ -n "$conditions" ]; do
		condition=${conditions%%,*}
		conditions=${conditions#*,}
		value=${condition#*=}
		case $condition in
		serial=*) [ "$(property "$1" SERIAL)" = "$value" ] ;;
		wwn=*) [ "$(property "$1" WWN)" = "$value" ] ;;
		transport=*) [ "$(property "$1" TRAN)" = "$value" ] ;;
		rotational=yes) [ "$(property "$1" ROTA)" = 1 ] ;;
		rotational=no) [ "$(property "$1" ROTA)" = 0 ] ;;
		path=*) same_disk "/dev/disk/by-path/$value" "$1" ;;
		id=*) same_disk "/dev/disk/by-id/$value" "$1" ;;
		minmib=*) [ "$(disk_mib "$1")" -ge "$value" ] ;;
		maxmib=*) [ "$(disk_mib "$1")" -le "$value" ] ;;
		*) false ;;
		esac || return 1
	done
}

# match_disk CONDITIONS NAME ALIKE: prints the first disk that meets the conditions and is not taken; ALIKE disks of the layout
# have the same ones, and just as many must be there, so that no disk is taken by chance.
match_disk() {
	found=
	count=0
	for disk in $(candidates); do
		if matches "$disk" "$1"; then
			found="$found $disk"
			count=$((count + 1))
		fi
	done
	if [ "$count" -ne "$3" ]; then
		fail "$2 of the layout is the disk with $1, and this machine has $count of them and not $3:$found; it has $(describe "$(candidates)"). Nothing was changed"
	fi
	echo "$found" | cut -d ' ' -f 2
}

# choose_disk POSITION COUNT MINIMUM NAME: prints the disk for the layout's disk NAME, number POSITION of COUNT, which takes
# at least MINIMUM MiB. Where more than one will do and any of them holds something, a person has to say which.
choose_disk() {
	all=$(candidates)
	number=$(echo "$all" | sed '/^$/d' | wc -l)
	if [ "$number" -lt "$2" ]; then
		fail "The layout wants $2 disks and this machine has $number that are writable, fixed and not in use: $(echo "$all" | tr '\n' ' ')"
	fi
	if [ "$number" -eq "$2" ]; then
		# As many as the layout has: paired by their places on the bus.
		echo "$all" | sed -n "$1p"
		return
	fi
	fitting=
	count=0
	blank=0
	for disk in $all; do
		if [ "$(disk_mib "$disk")" -ge "$3" ]; then
			fitting="$fitting $disk"
			count=$((count + 1))
			if is_blank "$disk"; then
				blank=$((blank + 1))
			fi
		fi
	done
	if [ "$count" -eq 0 ]; then
		fail "$4 of the layout needs a disk of at least $3 MiB; this machine has none so large: $(describe "$all")"
	fi
	if [ "$count" -eq 1 ] && [ "$2" -eq 1 ]; then
		echo "${fitting# }"
		return
	fi
	if [ "$blank" -ne "$count" ] || [ "$count" -lt "$2" ]; then
		fail "Several disks could be $4 of the layout and some hold data: $(describe "$all"); name the right ones for this node"
	fi
	echo "$fitting" | tr -s ' ' '\n' | sed '/^$/d' | sed -n "$1p"
}

# named_disk POSITION NAME: the disk that was named for this node: a device node, or conditions.
named_disk() {
	named=$(echo "$INGOT_DISKS" | tr -s ' \t' '\n' | sed '/^$/d' | sed -n "$1p")
	case $named in
	'') fail "INGOT_DISKS ($INGOT_DISKS) names no disk number $1 for $2" ;;
	/*) ;;
	*) named=$(match_disk "$named" "$2" 1) || exit 1 ;;
	esac
	if [ ! -b "$named" ]; then
		fail "$named is not a disk of this machine"
	fi
	if in_use "$named"; then
		fail "$named is in use: one of its filesystems is mounted"
	fi
	echo "$named"
}

# describe DISKS: names and sizes, for messages.
describe() {
	for described in $1; do
		printf '%s (%s MiB) ' "$described" "$(disk_mib "$described")"
	done
}

# room DISK LABEL: the MiB there are for partitions.
room() {
	mib=$(disk_mib "$1") || fail "The size of $1 cannot be read"
	case $2 in
	gpt) echo $((mib - 2)) ;; # 1 MiB in front, 1 MiB for the second copy of the label
	*)
		# An msdos label ends at 2 TiB.
		if [ "$mib" -gt 2097151 ]; then
			mib=2097151
		fi
		echo $((mib - 1))
		;;
	esac
}

# enough DISK PURPOSE HAS NEEDS: refuses a disk that is too small, before anything is written.
enough() {
	if [ "$3" -lt "$4" ]; then
		has=$3
		if [ "$has" -lt 0 ]; then
			has=0
		fi
		fail "$1 ($(disk_mib "$1") MiB) is too small: $2 needs at least $4 MiB and would get $has MiB; $((($4 - has) * 1048576)) bytes short. Nothing was changed"
	fi
}

# --- Partitions and filesystems --------------------------------------------------------------------------------------
# release DISK: puts aside what an earlier system has on it: arrays and volumes that were started when the disk was seen.
release() {
	lsblk --noheadings --raw --output PATH,TYPE "$1" | sed '1!G;h;$!d' | while read -r held type; do
		case $type in
		raid*) mdadm --stop "$held" ;;
		lvm | crypt) dmsetup remove "$held" ;;
		esac
	done
	lsblk --noheadings --raw --output PATH,TYPE "$1" | while read -r old type; do
		if [ "$type" = part ]; then
			wipefs --quiet --all --force "$old" || exit 1
		fi
	done || return 1
	if command -v partx >/dev/null; then
		# The kernel forgets the old partitions, so that none of them is taken for a new one.
		partx --delete "$1" 2>/dev/null || true
	fi
}

# write_table DISK: writes the label that stands on standard input.
write_table() {
	release "$1" || fail "Old signatures on $1 cannot be wiped"
	must "$1 cannot be wiped" wipefs --quiet --all --force "$1"
	must "The start of $1 cannot be cleared" dd if=/dev/zero of="$1" bs=1048576 count=1 conv=fsync status=none
	must "$1 cannot be partitioned" sfdisk --quiet --wipe always --wipe-partitions always "$1"
}

# settle DISK NUMBER...: waits until the kernel shows the partitions.
settle() {
	settled=$1
	shift
	for number in "$@"; do
		node=$(partition "$settled" "$number")
		tries=0
		until [ -b "$node" ]; do
			if [ "$tries" -ge 60 ]; then
				fail "$node does not appear after $settled was partitioned"
			fi
			if command -v udevadm >/dev/null; then
				udevadm settle --timeout=5 || true
			fi
			if [ $((tries % 10)) -eq 1 ] && command -v partx >/dev/null; then
				# The kernel may have missed the new table; partx tells it of this partition.
				partx --add --nr "$number" "$settled" || true
			fi
			tries=$((tries + 1))
			sleep 0.5
		done
	done
}

# fresh_uuid DEVICE: the UUID that mkfs gave.
fresh_uuid() {
	uuid=$(blkid --probe --match-tag UUID --output value "$1")
	if [ -z "$uuid" ]; then
		fail "$1 has no UUID after it was formatted"
	fi
	echo "$uuid"
}

# --- The tree --------------------------------------------------------------------------------------------------------
# write_tree: fetches the version and unpacks it. A pipe tells only how its last command ended, so each one leaves its
# own code behind. ACLs, capabilities and labels come as the xattrs that they are: with --acls, tar would take them away again.
write_tree() {
	{
		ingot_fetch /node/tree
		echo $? >"$WORK/fetch.code"
	} | {
		zstd --decompress --stdout --quiet
		echo $? >"$WORK/unpack.code"
	} | {
		tar --extract --file=- --directory="$TARGET" --numeric-owner --same-owner --same-permissions \
			--xattrs '--xattrs-include=*' --xattrs-exclude=trusted.ingot.flags --delay-directory-restore \
			--checkpoint="$1" --checkpoint-action=exec="sh '$WORK/progress.sh' &"
		echo $? >"$WORK/tar.code"
	}
	for stage in fetch unpack tar; do
		if [ "$(cat "$WORK/$stage.code")" != 0 ]; then
			fail "The tree could not be written: fetching ended with $(cat "$WORK/fetch.code"), unpacking with $(cat "$WORK/unpack.code"), tar with $(cat "$WORK/tar.code"); $(df -P "$TARGET" | sed -n '2s/.* \([0-9]*%\) .*/\1/p') of / is full"
		fi
	done
}

# ask_verdict: posts the listing and the digests; the server compares them with the version.
ask_verdict() {
	length=$(wc -c <"$WORK/listing")
	cat "$WORK/digests" >>"$WORK/listing" || fail "There is no room for the listing of the tree"
	if ! ingot_post "/node/verify?listing=$((length))${OVERRIDES:+&over=$OVERRIDES}" "$WORK/listing" >"$WORK/verdict"; then
		fail "What was written is not what the version holds: $(head -c 2000 "$WORK/verdict")"
	fi
	mv "$WORK/verdict" "$WORK/flags"
	rm -f "$WORK/listing" "$WORK/digests"
}

# set_flags: what the version has as immutable or append-only becomes so when nothing is written any more.
set_flags() {
	[ -s "$WORK/flags" ] || return 0
	# shellcheck disable=SC2016 # the inner shell's words
	(cd "$TARGET" && xargs -0 -n 2 sh -c 'chattr "+$1" -- "$2"' ingot <"$WORK/flags") ||
		say "Some files could not be made immutable or append-only: the next update tries again"
}

# --- Overrides -------------------------------------------------------------------------------------------------------
# lay_overrides QUERY: unpacks what the overrides lay, over what stands there. OVERRIDES names their versions.
lay_overrides() {
	{
		ingot_fetch "/node/overrides/tree?over=$OVERRIDES$1"
		echo $? >"$WORK/fetch.code"
	} | {
		tar --extract --file=- --directory="$TARGET" --numeric-owner --same-owner --same-permissions \
			--xattrs '--xattrs-include=*' --xattrs-exclude=trusted.ingot.flags --delay-directory-restore
		echo $? >"$WORK/tar.code"
	}
	if [ "$(cat "$WORK/fetch.code")$(cat "$WORK/tar.code")" != 00 ]; then
		fail "The overrides $OVERRIDES could not be laid: fetching ended with $(cat "$WORK/fetch.code"), tar with $(cat "$WORK/tar.code")"
	fi
}

# clear_for_overrides: removes what stands where an override has something of another kind.
clear_for_overrides() {
	ingot_fetch "/node/overrides/clear?over=$OVERRIDES" "$WORK/clear" || fail "What overrides replace cannot be fetched"
	if [ -s "$WORK/clear" ]; then
		(cd "$TARGET" && xargs -0 rm -rf -- <"$WORK/clear") || fail "What overrides replace cannot be removed"
	fi
}

# --- The machine's own configuration ----------------------------------------------------------------------------------
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
	full=$1${2:+.$2}
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
			if (!told) print "127.0.1.1\t" (full == short ? short : full "\t" short)
			told = 1
		}
		$1 == "127.0.1.1" { own(); next }
		/^[ \t]*(127\.|::1)/ {
			line = $1; kept = 0
			for (i = 2; i <= NF; i++) {
				base = $i; sub(/\..*/, "", base)
				if (old != "" && $i !~ /^localhost/ && ($i == old || base == old)) continue
				line = line (i == 2 ? "\t" : " ") $i; kept++
			}
			if (kept == NF - 1) print; else if (kept) print line
			if ($1 ~ /^127\./) own()
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
	if [ "${#1}" -ne 32 ]; then
		return 0
	fi
	for entry in "$TARGET"/boot/loader/entries/"$1"-*.conf; do
		if [ -f "$entry" ] && [ ! -L "$entry" ]; then
			must "$entry cannot be renamed" mv "$entry" "${entry%/*}/$2-${entry##*/"$1"-}"
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
	forget 'etc/ssh/ssh_host_*key' 'etc/ssh/ssh_host_*key.pub' 'etc/ssh/ssh_host_*key-cert.pub' \
		'var/lib/dhcp/*.lease*' 'var/lib/dhcp3/*.lease*' 'var/lib/dhclient/*.lease*' 'var/lib/dhcpcd/*' 'var/lib/NetworkManager/*.lease' \
		'var/lib/NetworkManager/secret_key' 'var/lib/wicked/duid.xml' 'var/lib/wicked/iaid.xml' 'var/lib/wicked/lease-*' \
		boot/efi/loader/random-seed boot/loader/random-seed efi/loader/random-seed \
		etc/multipath/bindings etc/multipath/wwids var/lib/multipath/bindings \
		'var/lib/systemd/network/*' 'var/lib/systemd/random-seed' var/lib/systemd/credential.secret var/lib/urandom/random-seed \
		etc/udev/rules.d/70-persistent-net.rules etc/udev/rules.d/70-persistent-cd.rules etc/udev/rules.d/z25_persistent-net.rules \
		etc/lvm/devices/system.devices 'etc/lvm/cache/.cache' 'etc/lvm/archive/*' 'etc/lvm/backup/*' \
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
		for file in etc/default/grub etc/sysconfig/bootloader etc/kernel/cmdline etc/initramfs-tools/conf.d/resume \
			boot/grub/grub.cfg boot/grub2/grub.cfg boot/grub2/grubenv boot/grub/menu.lst boot/grub/grub.conf \
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
			edit "$file" -e "s|\([\"' ]\)resume=[^ \"']*|\1resume=UUID=$1|g"
		else
			edit "$file" -e "s|\([\"' ]\)resume=[^ \"']*|\1|g"
		fi
	done
	if [ -d "$TARGET/etc/initramfs-tools/conf.d" ]; then
		echo "RESUME=${1:+UUID=}${1:-none}" | put etc/initramfs-tools/conf.d/resume || fail "The resume setting cannot be written"
	fi
}

# set_grub_disks DISK...: Debian's GRUB package installs itself again on its own updates, onto the disks it was told.
set_grub_disks() {
	told=$(printf ', %s' "$@")
	if image_has debconf-set-selections && [ -d "$TARGET/var/lib/dpkg" ] && [ -e "$TARGET/var/lib/dpkg/info/grub-pc.list" ]; then
		echo "grub-pc grub-pc/install_devices multiselect ${told#, }" >"$TARGET/run/grub-disk"
		in_image debconf-set-selections /run/grub-disk || fail "GRUB's package cannot be told its disks"
	fi
	forget boot/grub/device.map boot/grub2/device.map
}

# --- Network -----------------------------------------------------------------------------------------------------------
# adapt_network: settings bound to a network card by its address are bound to this machine's cards by name, and where the one
# name that is configured is none of this machine's, the card that it netbooted from gets that name.
adapt_network() {
	for file in "$TARGET"/etc/sysconfig/network-scripts/ifcfg-* "$TARGET"/etc/sysconfig/network/ifcfg-*; do
		if [ -f "$file" ]; then
			edit "${file#"$TARGET"/}" -e '/^HWADDR=/d' -e '/^UUID=/d'
		fi
	done
	for file in "$TARGET"/etc/NetworkManager/system-connections/*; do
		if [ -f "$file" ]; then
			edit "${file#"$TARGET"/}" -e '/^mac-address=/d'
		fi
	done
	adapt_addresses
	configured=$(configured_cards | LC_ALL=C sort -u)
	if [ -z "$configured" ] || [ "$(echo "$configured" | wc -l)" -ne 1 ] || [ -z "${INGOT_MAC:-}" ]; then
		return 0
	fi
	for card in $(own_cards); do
		if [ "$card" = "$configured" ]; then
			return 0
		fi
	done
	say "This machine has no network card $configured; the one with $INGOT_MAC gets that name"
	printf '[Match]\nMACAddress=%s\nType=ether\n\n[Link]\nName=%s\n' "$INGOT_MAC" "$configured" |
		put etc/systemd/network/10-ingot.link || fail "The network card's name cannot be written"
}

# adapt_addresses: where netplan or systemd-networkd go by the address of the golden client's one card, this machine's takes its
# place. Which of several is which, only a person knows.
adapt_addresses() {
	named=$(cat "$TARGET"/etc/netplan/*.yaml "$TARGET"/etc/systemd/network/*.network "$TARGET"/etc/systemd/network/*.link 2>/dev/null |
		sed -n -e 's/^[ \t]*macaddress:[^0-9A-Fa-f]*\([0-9A-Fa-f:]\{17\}\).*/\1/p' -e 's/^[A-Za-z]*MACAddress=\([0-9A-Fa-f:]\{17\}\).*/\1/p' |
		tr 'A-F' 'a-f' | LC_ALL=C sort -u)
	case $named in
	'') return 0 ;;
	*:*:*:*:*:*[!0-9a-f:]*)
		say "The network settings go by the addresses of several cards: name this machine's in /etc/netplan or /etc/systemd/network"
		return 0
		;;
	esac
	if [ -z "${INGOT_MAC:-}" ]; then
		return 0
	fi
	for file in "$TARGET"/etc/netplan/*.yaml "$TARGET"/etc/systemd/network/*.network "$TARGET"/etc/systemd/network/*.link; do
		edit "${file#"$TARGET"/}" \
			-e "s/^\([ \t]*macaddress:[^0-9A-Fa-f]*\)[0-9A-Fa-f:]\{17\}/\1$INGOT_MAC/" \
			-e "s/^\([A-Za-z]*MACAddress=\)[0-9A-Fa-f:]\{17\}/\1$INGOT_MAC/"
	done
}

# configured_cards: names of wired cards that the new system configures.
configured_cards() {
	{
		cat "$TARGET/etc/network/interfaces" "$TARGET"/etc/network/interfaces.d/* 2>/dev/null |
			sed -n 's/^[ \t]*iface[ \t][ \t]*\([a-z0-9]*\)[ \t].*/\1/p'
		for file in "$TARGET"/etc/sysconfig/network-scripts/ifcfg-* "$TARGET"/etc/sysconfig/network/ifcfg-*; do
			echo "${file##*/ifcfg-}"
		done
		cat "$TARGET"/etc/systemd/network/*.network 2>/dev/null | sed -n 's/^Name=\([a-z0-9]*\)$/\1/p'
		cat "$TARGET"/etc/netplan/*.yaml 2>/dev/null | sed -n 's/^[ \t]*\(e[a-z]*[0-9][a-z0-9]*\):[ \t]*$/\1/p'
	} | grep -E '^(eth[0-9]+|en[opsx][a-z0-9]+|ens[0-9]+|em[0-9]+)$'
}

# own_cards: the names that this machine's cards may come to have: the kernel's and those by place and address.
own_cards() {
	for card in /sys/class/net/*; do
		if [ -e "$card/device" ]; then
			case " $(in_image cat /etc/default/grub 2>/dev/null | tr '\n"' '  ')" in
			*' net.ifnames=0 '*) basename "$card" ;;
			esac
			udevadm test-builtin net_id "/class/net/${card##*/}" 2>/dev/null |
				sed -n 's/^ID_NET_NAME_[A-Z]*=//p'
		fi
	done
}

# record_crypts -- [NAME DEVICE OPTIONS]...: /etc/crypttab has the volumes that were made. The golden client's other lines become
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
		edit "$file" -e 's/ *rd\.luks\.\(uuid\|name\|options\|key\)=[^ "]*//g'
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
			/^[ \t]*(#|$)/ { print; next }
			index(names, " " $1 " ") { next }
			{ print "# Not on this machine: " $0 }' "$TARGET/etc/crypttab" >>"$WORK/crypttab" ||
			fail "/etc/crypttab cannot be read"
	fi
	put etc/crypttab <"$WORK/crypttab" || fail "/etc/crypttab cannot be written"
}

# --- Booting ---------------------------------------------------------------------------------------------------------
# kernels: versions of the kernels that the image boots, one a line.
kernels() {
	for kernel in "$TARGET"/boot/vmlinuz-* "$TARGET"/boot/vmlinux-*; do
		version=${kernel##*/vmlinu[xz]-}
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
			in_image dracut --force $general "/${file:-boot/initramfs-$version.img}" "$version" || fail "dracut failed for $version"
		elif image_has mkinitrd; then
			file=$(initramfs_of "$version")
			in_image mkinitrd -f "/${file:-boot/initrd-$version.img}" "$version" || fail "mkinitrd failed for $version"
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
	mapped=$(cat "/sys/class/block/${mapped##*/}/dm/name" 2>/dev/null || echo none)
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
	code=$(dd if="$1" bs=440 count=1 status=none | tr -d '\000' | wc -c)
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
	# A blank in a path is written \040 there.
	awk -v root="$TARGET" '$2 == root || index($2, root "/") == 1 { print $2 }' /proc/mounts | LC_ALL=C sort -r |
		sed 's/\\\([0-7]\)/\\0\1/g' | while read -r mounted; do
		must "$mounted cannot be unmounted" umount "$(printf '%b' "$mounted")"
	done || exit 1
	sync
}

# --- The site's own scripts ------------------------------------------------------------------------------------------
# fetch_scripts STAGE FOLDER: the scripts that the server has for this node, and what lies beside them. Prints how many run.
fetch_scripts() {
	ingot_fetch "/node/scripts/$1" "$WORK/$1.list" || fail "The list of $1 scripts cannot be fetched"
	sed -n 's/^run //p' "$WORK/$1.list" >"$WORK/$1.run"
	if [ ! -s "$WORK/$1.run" ]; then
		return 0
	fi
	rm -rf "$2"
	must "The folder for $1 scripts cannot be made" mkdir -p "$2"
	chmod 0700 "$2"
	sed -n -e 's/^run //p' -e 's/^file //p' "$WORK/$1.list" >"$WORK/$1.files"
	while read -r name; do
		ingot_fetch "/node/scripts/$1/$name" "$2/$name" </dev/null || fail "The $1 script $name cannot be fetched"
		chmod 0700 "$2/$name"
	done <"$WORK/$1.files"
	ingot_fetch /node/variables "$2/variables.txt" || fail "The variables for $1 scripts cannot be fetched"
}

# run_pre_install: in the ramdisk. What a script leaves in /tmp/pre-install_variables.txt holds for all that follows.
run_pre_install() {
	fetch_scripts pre-install "$WORK/pre-install"
	while read -r name; do
		say "Running the pre-install script $name"
		(cd "$WORK/pre-install" && cp variables.txt /tmp/variables.txt && "./$name" </dev/null) || fail "The pre-install script $name ended with code $?"
	done <"$WORK/pre-install.run"
	if [ -f /tmp/pre-install_variables.txt ]; then
		# It is there in the ramdisk only.
		# shellcheck source=/dev/null
		. /tmp/pre-install_variables.txt
	fi
}

# run_post_install: in the new system, from /tmp/post-install.
run_post_install() {
	fetch_scripts post-install "$TARGET/tmp/post-install"
	while read -r name; do
		say "Running the post-install script $name"
		in_image "/tmp/post-install/$name" || fail "The post-install script $name ended with code $?"
	done <"$WORK/post-install.run"
	rm -rf "$TARGET/tmp/post-install"
}

# --- The install ------------------------------------------------------------------------------------------------------
# === partition -----------------------------------------------------------------------------------------------------
phase partition 2 'Finding and partitioning the disks'

# Scripts of this site, where the server has some for this machine.
run_pre_install

# Which disk is which, and whether everything fits: nothing is written before this is known.
need_programs mkfs.ext3 mkswap
if [ -n "${INGOT_DISKS:-}" ]; then
	DISK_1=$(named_disk 1 /dev/vda) || exit 1
else
	DISK_1=$(choose_disk 1 1 3426 /dev/vda) || exit 1
fi

# /dev/vda of the layout: msdos; sizes in MiB.
MIB_1=$(disk_mib "$DISK_1") || fail "The size of $DISK_1 cannot be read"
ROOM_1=$(room "$DISK_1" msdos) || exit 1
SIZE_1_1=96 # /boot
SIZE_1_3=2000 # swap
SIZE_1_2=$((ROOM_1 - SIZE_1_1 - SIZE_1_3)) # /: what is left
enough "$DISK_1" / "$SIZE_1_2" 1329
if [ "$SIZE_1_2" -gt 10181 ]; then
	SIZE_1_2=10181
fi
say "/dev/vda of the layout is $DISK_1 here ($MIB_1 MiB)"
may_wipe "$DISK_1" ask

# /dev/vda of the layout: a fresh msdos label, partitions aligned to 1 MiB.
START_1_1=1
START_1_2=$((START_1_1 + SIZE_1_1))
START_1_3=$((START_1_2 + SIZE_1_2))
write_table "$DISK_1" <<END || exit 1
label: dos
label-id: $(label_id dos)
$(partition "$DISK_1" 1) : start=${START_1_1}MiB, size=${SIZE_1_1}MiB, type=83, bootable
$(partition "$DISK_1" 2) : start=${START_1_2}MiB, size=${SIZE_1_2}MiB, type=83
$(partition "$DISK_1" 3) : start=${START_1_3}MiB, size=${SIZE_1_3}MiB, type=82
END
settle "$DISK_1" 1 2 3


# === format --------------------------------------------------------------------------------------------------------
phase format 3 'Making filesystems'

# /
DEVICE_1_2=$(partition "$DISK_1" 2)
must 'ext3 for / cannot be made' mkfs.ext3 -q -F -L / "$DEVICE_1_2"
UUID_1_2=$(fresh_uuid "$DEVICE_1_2") || exit 1

# /boot
DEVICE_1_1=$(partition "$DISK_1" 1)
must 'ext3 for /boot cannot be made' mkfs.ext3 -q -F -L /boot "$DEVICE_1_1"
UUID_1_1=$(fresh_uuid "$DEVICE_1_1") || exit 1

# swap
DEVICE_1_3=$(partition "$DISK_1" 3)
must 'swap for swap cannot be made' mkswap -L SWAP-vda3 "$DEVICE_1_3"
UUID_1_3=$(fresh_uuid "$DEVICE_1_3") || exit 1


# === mount ---------------------------------------------------------------------------------------------------------
phase mount 5 'Mounting them'

must '/ cannot be mounted' mkdir -p "$TARGET"
must '/ cannot be mounted' mount -t ext3 "$DEVICE_1_2" "$TARGET"

must '/boot cannot be mounted' mkdir -p "$TARGET"/boot
must '/boot cannot be mounted' mount -t ext3 "$DEVICE_1_1" "$TARGET"/boot


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
	printf 'UUID=%s %s\n' "$UUID_1_2" '/ ext3 defaults 1 1'
	printf 'UUID=%s %s\n' "$UUID_1_1" '/boot ext3 defaults 1 2'
	printf '%s\n' 'tmpfs /dev/shm tmpfs defaults 0 0'
	printf '%s\n' 'devpts /dev/pts devpts gid=5,mode=620 0 0'
	printf '%s\n' 'sysfs /sys sysfs defaults 0 0'
	printf '%s\n' 'proc /proc proc defaults 0 0'
	printf 'UUID=%s %s\n' "$UUID_1_3" 'swap swap defaults 0 0'
} | put etc/fstab || fail 'The file /etc/fstab cannot be written'

set_hostname "${INGOT_HOSTNAME:-node01}" "${INGOT_DOMAIN-example.org}"
new_identity

# The image's boot files name the golden client's filesystems.
set_resume "$UUID_1_3"
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

link_uuid "$DEVICE_1_2" "$UUID_1_2"
install_grub_bios "$DISK_1"

run_post_install

check_boot "$UUID_1_2" "$DEVICE_1_2"
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
