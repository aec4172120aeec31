/** Shell functions that find the disks of a machine, and refuse those that are not to be written. */
import { msdosLimitMib, reservedMib } from "../layout/table.ts";

export const chooseFunctions = `# --- Disks -----------------------------------------------------------------------------------------------------------
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
			printf '%s %s\\n' "$(readlink -f "/sys/class/block/$(lsblk --nodeps --noheadings --raw --output KNAME "$path")")" "$path"
		fi
	done | LC_ALL=C sort | cut -d ' ' -f 2 | while read -r path; do
		own=$(property "$path" WWN)/$(property "$path" SERIAL)
		case " $paths " in
		*" $own "*) continue ;;
		esac
		if [ "\${own%%/*}" != "" ]; then
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
	gpt) echo "494E474F-\${random#*-}" ;;
	*) echo "0x494e$(echo "$random" | cut -c 1-4)" ;;
	esac
}

# may_wipe DISK RULE: refuses a disk that holds something of somebody else, unless it was said that this may go.
may_wipe() {
	if [ "\${INGOT_WIPE:-}" = yes ] || [ "$2" = wipe ] || is_blank "$1" || is_ours "$1"; then
		return 0
	fi
	holds=$(lsblk --noheadings --raw --output PATH "$1" | while read -r node; do
		printf '%s %s; ' "$node" "$(blkid --probe --match-tag TYPE --match-tag PTTYPE --match-tag LABEL --output value "$node" | tr '\\n' ' ')"
	done)
	fail "$1 holds data that is not Ingot's ($holds): deploy with --wipe if it may go. Nothing was changed"
}

# property DISK COLUMN: what lsblk says of the disk.
property() {
	lsblk --nodeps --noheadings --raw --output "$2" "$1" | sed -e 's/\\\\x20/ /g' -e 's/^ *//' -e 's/ *$//'
}

# same_disk LINK DISK: true where the link leads to the disk.
same_disk() {
	[ -e "$1" ] && [ "$(readlink -f "$1")" = "$(readlink -f "$2")" ]
}

# matches DISK CONDITIONS: true where all of the conditions hold, which are joined by commas.
matches() {
	conditions=$2,
	while [ -n "$conditions" ]; do
		condition=\${conditions%%,*}
		conditions=\${conditions#*,}
		value=\${condition#*=}
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
		fail "The layout wants $2 disks and this machine has $number that are writable, fixed and not in use: $(echo "$all" | tr '\\n' ' ')"
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
		echo "\${fitting# }"
		return
	fi
	if [ "$blank" -ne "$count" ] || [ "$count" -lt "$2" ]; then
		fail "Several disks could be $4 of the layout and some hold data: $(describe "$all"); name the right ones for this node"
	fi
	echo "$fitting" | tr -s ' ' '\\n' | sed '/^$/d' | sed -n "$1p"
}

# named_disk POSITION NAME: the disk that was named for this node: a device node, or conditions.
named_disk() {
	named=$(echo "$INGOT_DISKS" | tr -s ' \\t' '\\n' | sed '/^$/d' | sed -n "$1p")
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
	gpt) echo $((mib - ${reservedMib.gpt})) ;; # 1 MiB in front, 1 MiB for the second copy of the label
	*)
		# An msdos label ends at 2 TiB.
		if [ "$mib" -gt ${msdosLimitMib} ]; then
			mib=${msdosLimitMib}
		fi
		echo $((mib - ${reservedMib.msdos}))
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
`;
