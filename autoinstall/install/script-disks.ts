/** Shell for the phases partition, format and mount. */
import { quoteArgv, quoteWord } from "../../base/posix-quote.ts";
import { minimumDiskMib, msdosLimitMib, reservedMib, type SizeRule, type TableRow } from "../layout/table.ts";
import { comment, deviceValue, variable } from "./script-block.ts";
import { groupLines } from "./script-stack.ts";
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

/** Functions that find and prepare disks. */
export const diskFunctions = `# --- Disks -----------------------------------------------------------------------------------------------------------
# disk_mib DISK: its size in MiB.
disk_mib() {
	bytes=$(blockdev --getsize64 "$1") || return 1
	echo $((bytes / 1048576))
}

# in_use DISK: true where a filesystem or swap area of it is in use.
in_use() {
	lsblk --noheadings --raw --output MOUNTPOINT "$1" | grep -q '[^ ]'
}

# candidates: the disks that may be installed onto, in the order of their places on the bus, one a line: writable, fixed,
# none of their filesystems mounted.
candidates() {
	lsblk --nodeps --noheadings --raw --bytes --output PATH,TYPE,RO,RM,SIZE | while read -r path type ro rm size; do
		case $path in
		/dev/ram* | /dev/zram* | /dev/fd* | /dev/sr* | /dev/nbd*) continue ;;
		esac
		if [ "$type" = disk ] && [ "$ro$rm" = 00 ] && [ "$size" -gt 0 ] && ! in_use "$path"; then
			printf '%s %s\\n' "$(readlink -f "/sys/class/block/$(lsblk --nodeps --noheadings --raw --output KNAME "$path")")" "$path"
		fi
	done | LC_ALL=C sort | cut -d ' ' -f 2
}

# is_blank DISK: true where nothing is recognised on it.
is_blank() {
	[ -z "$(wipefs --noheadings "$1" 2>/dev/null)" ] && [ "$(lsblk --noheadings --raw --output NAME "$1" | wc -l)" -eq 1 ]
}

# choose_disk POSITION COUNT MINIMUM NAME: prints the disk for the layout's disk NAME, number POSITION of COUNT, which takes
# at least MINIMUM MiB. Where more than one will do and any of them holds something, a person has to say which.
choose_disk() {
	if [ -n "\${INGOT_DISKS:-}" ]; then
		named=$(echo "$INGOT_DISKS" | tr -s ' \\t' '\\n' | sed '/^$/d' | sed -n "$1p")
		if [ -z "$named" ]; then
			fail "INGOT_DISKS ($INGOT_DISKS) names no disk number $1 for $4"
		fi
		if [ ! -b "$named" ]; then
			fail "$named is not a disk of this machine"
		fi
		if in_use "$named"; then
			fail "$named is in use: one of its filesystems is mounted"
		fi
		echo "$named"
		return
	fi
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
		fail "$1 ($(disk_mib "$1") MiB) is too small: $2 needs at least $4 MiB and would get $has MiB; $(($4 - $3)) MiB short. Nothing was changed"
	fi
}

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
`;

/** Only in scripts that have use for it. */
export const subvolumeFunctions = `# make_subvolumes DEVICE NAME...: subvolumes of a fresh btrfs filesystem.
make_subvolumes() {
	mkdir -p "$WORK/top"
	must "$1 cannot be mounted" mount -t btrfs -o subvolid=5 "$1" "$WORK/top"
	shift
	for subvolume in "$@"; do
		must "The subvolume $subvolume cannot be made" mkdir -p "$(dirname "$WORK/top/$subvolume")"
		must "The subvolume $subvolume cannot be made" btrfs --quiet subvolume create "$WORK/top/$subvolume"
	done
	must "The filesystem with the subvolumes cannot be unmounted" umount "$WORK/top"
}
`;

function known(size: SizeRule, disk: number): string | undefined {
  switch (size.kind) {
    case "fixed":
      return String(size.mib);
    case "percent":
      return `$((ROOM_${disk} * ${size.milli} / 100000))`;
    case "around":
    case "rest":
      return undefined;
    default:
      return size satisfies never;
  }
}

/** Sizes of rows that share one room; the one that takes the rest comes last, and the room left is checked. */
function shareLines(
  rows: readonly TableRow[],
  options: { readonly disk: number; readonly room: string; readonly gap: number },
): readonly string[] {
  const { disk } = options;
  const name = (row: TableRow) => variable("SIZE", { disk, partition: row.number });
  const lines: string[] = [];
  for (const row of rows) {
    const size = known(row.size, disk);
    if (size !== undefined) {
      lines.push(`${name(row)}=${size} # ${comment(row.purpose)}`);
    }
  }
  const others = rows.filter(({ size }) => size.kind !== "rest");
  const rest = rows.find(({ size }) => size.kind === "rest");
  const gaps = rows.length * options.gap;
  const minus = others.map((row) => ` - ${name(row)}`).join("") + (gaps === 0 ? "" : ` - ${gaps}`);
  const left = `$((${options.room}${minus}))`;
  if (rest?.size.kind === "rest") {
    lines.push(`${name(rest)}=${left} # ${comment(rest.purpose)}: what is left`);
    const { minimum, maximum } = rest.size;
    lines.push(`enough "$DISK_${disk}" ${quoteWord(rest.purpose)} "$${name(rest)}" ${minimum}`);
    if (maximum !== undefined) {
      lines.push(`if [ "$${name(rest)}" -gt ${maximum} ]; then`, `\t${name(rest)}=${maximum}`, "fi");
    }
  } else {
    const all = quoteWord(others.map(({ purpose }) => purpose).join(", "));
    lines.push(`enough "$DISK_${disk}" ${all} ${left} 0`);
  }
  return lines;
}

function sizeLines(step: StepOf<"choose-disks">): readonly string[] {
  return step.tables.flatMap((table, index) => {
    const disk = index + 1;
    const outer = table.rows.filter(({ type }) => type !== "logical");
    const logical = table.rows.filter(({ type }) => type === "logical");
    const extended = outer.find(({ type }) => type === "extended");
    const lines = [
      "",
      `# ${table.device} of the layout: ${table.label}; sizes in MiB.`,
      `MIB_${disk}=$(disk_mib "$DISK_${disk}") || fail "The size of $DISK_${disk} cannot be read"`,
      `ROOM_${disk}=$(room "$DISK_${disk}" ${table.label}) || exit 1`,
    ];
    if (extended?.size.kind === "around") {
      // The logical ones come first: the extended one is made as large as they are.
      const sizes = logical.map(
        (row) =>
          `${variable("SIZE", { disk, partition: row.number })}=${known(row.size, disk) ?? 0} # ${comment(row.purpose)}`,
      );
      const sum = logical
        .map((row) => `${variable("SIZE", { disk, partition: row.number })} + 1`)
        .join(" + ");
      const around = variable("SIZE", { disk, partition: extended.number });
      lines.push(...sizes, `${around}=$((${sum === "" ? "1" : sum})) # the extended partition around them`);
    }
    lines.push(...shareLines(outer, { disk, room: `ROOM_${disk}`, gap: 0 }));
    if (extended !== undefined && extended.size.kind !== "around" && logical.length > 0) {
      const room = variable("SIZE", { disk, partition: extended.number });
      lines.push(...shareLines(logical, { disk, room, gap: 1 }));
    }
    return lines;
  });
}

export function renderChooseDisks(step: StepOf<"choose-disks">): string {
  const count = step.tables.length;
  const named =
    step.named === undefined
      ? []
      : [
          "# The disks that were named for this node.",
          `: "\${INGOT_DISKS:=${step.named.map(safeDevice).join(" ")}}"`,
        ];
  const choices = step.tables.map(
    (table, index) =>
      `DISK_${index + 1}=$(choose_disk ${index + 1} ${count} ${minimumDiskMib(table)} ${quoteWord(table.device)}) || exit 1`,
  );
  const seen = step.tables.map(
    (table, index) =>
      `say "${safeDevice(table.device)} of the layout is $DISK_${index + 1} here ($MIB_${index + 1} MiB)"`,
  );
  return [
    "# Which disk is which, and whether everything fits: nothing is written before this is known.",
    ...named,
    ...choices,
    ...sizeLines(step),
    ...groupLines(step.groups),
    ...seen,
    "",
  ].join("\n");
}

/** A device path that may stand inside double quotes. */
function safeDevice(device: string): string {
  return device.replace(/[^A-Za-z0-9/_.:+-]/g, "");
}

function tableLine(disk: number, row: TableRow): string {
  const place = { disk, partition: row.number };
  const size = `$${variable("SIZE", place)}`;
  const fields = [
    `start=\${${variable("START", place)}}MiB`,
    `size=${size.replace("$", "${")}}MiB`,
    `type=${row.tableType}`,
    ...(row.name === undefined ? [] : [`name="${gptName(row.name)}"`]),
    ...(row.bootable ? [tableFlag(row)] : []),
  ];
  return `$(partition "$DISK_${disk}" ${row.number}) : ${fields.join(", ")}`;
}

function tableFlag(row: TableRow): string {
  return row.tableType.length > 2 ? 'attrs="LegacyBIOSBootable"' : "bootable";
}

/** A GPT name inside sfdisk's quotes inside a here-document that expands: letters that mean something there are dropped. */
function gptName(name: string): string {
  return name.replace(/["\\$`]/g, "").slice(0, 36);
}

function startLines(disk: number, rows: readonly TableRow[]): readonly string[] {
  const lines: string[] = [];
  let next = "1";
  for (const row of rows.filter(({ type }) => type !== "logical")) {
    const place = { disk, partition: row.number };
    lines.push(`${variable("START", place)}=${next}`);
    next = `$((${variable("START", place)} + ${variable("SIZE", place)}))`;
  }
  const extended = rows.find(({ type }) => type === "extended");
  if (extended === undefined) {
    return lines;
  }
  next = `$((${variable("START", { disk, partition: extended.number })} + 1))`;
  for (const row of rows.filter(({ type }) => type === "logical")) {
    const place = { disk, partition: row.number };
    lines.push(`${variable("START", place)}=${next}`);
    next = `$((${variable("START", place)} + ${variable("SIZE", place)} + 1))`;
  }
  return lines;
}

export function renderPartitionDisk(step: StepOf<"partition-disk">): string {
  const { disk, table } = step;
  const label = table.label === "gpt" ? "gpt" : "dos";
  // Nothing uses the extended partition's own node, and not every kernel shows it.
  const numbers = table.rows
    .filter(({ type }) => type !== "extended")
    .map(({ number }) => number)
    .join(" ");
  return [
    `# ${comment(table.device)} of the layout: a fresh ${table.label} label, partitions aligned to 1 MiB.`,
    ...startLines(disk, table.rows),
    `write_table "$DISK_${disk}" <<END || exit 1`,
    `label: ${label}`,
    ...table.rows.map((row) => tableLine(disk, row)),
    "END",
    `settle "$DISK_${disk}" ${numbers}`,
    "",
  ].join("\n");
}

export function renderMakeFilesystem(step: StepOf<"make-filesystem">): string {
  const device = `"$${variable("DEVICE", step.place)}"`;
  const labelFlag = step.filesystem === "vfat" ? "-n" : "-L";
  const label = step.label === undefined ? [] : [labelFlag, step.label];
  const commands = {
    ext2: ["mkfs.ext2", "-q", "-F"],
    ext3: ["mkfs.ext3", "-q", "-F"],
    ext4: ["mkfs.ext4", "-q", "-F"],
    xfs: ["mkfs.xfs", "-q", "-f"],
    btrfs: ["mkfs.btrfs", "-q", "-f"],
    vfat: ["mkfs.vfat"],
    swap: ["mkswap"],
  } as const satisfies Readonly<Record<typeof step.filesystem, readonly string[]>>;
  const command = quoteArgv([...commands[step.filesystem], ...step.options, ...label]);
  const message = quoteWord(`${step.filesystem} for ${step.purpose} cannot be made`);
  const uuid = variable("UUID", step.place);
  return [
    `# ${comment(step.purpose)}`,
    `${variable("DEVICE", step.place)}=${deviceValue(step.place)}`,
    `must ${message} ${command} ${device}`,
    ...(step.named ? [`${uuid}=$(fresh_uuid ${device}) || exit 1`] : []),
    ...(step.subvolumes.length === 0
      ? []
      : [`make_subvolumes ${device} ${step.subvolumes.map((one) => quoteWord(one)).join(" ")}`]),
    "",
  ].join("\n");
}

export function renderMountFilesystem(step: StepOf<"mount-filesystem">): string {
  const device = `"$${variable("DEVICE", step.place)}"`;
  const folder = step.mountPoint === "/" ? '"$TARGET"' : `"$TARGET"${quoteWord(step.mountPoint)}`;
  const options = step.options.length === 0 ? "" : ` -o ${quoteWord(step.options.join(","))}`;
  const shown = quoteWord(`${step.mountPoint} cannot be mounted`);
  return [
    `must ${shown} mkdir -p ${folder}`,
    `must ${shown} mount -t ${step.filesystem}${options} ${device} ${folder}`,
    "",
  ].join("\n");
}
