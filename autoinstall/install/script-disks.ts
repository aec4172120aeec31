/** Shell for the phases partition, format and mount. */
import { quoteArgv, quoteWord } from "../../base/posix-quote.ts";
import type { TableRow } from "../layout/table.ts";
import { comment, deviceValue, variable } from "./script-block.ts";
import type { InstallStep } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

/** Functions that prepare disks. */
export const diskFunctions = `# --- Partitions and filesystems --------------------------------------------------------------------------------------
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
    `label-id: $(label_id ${label})`,
    ...table.rows.map((row) => tableLine(disk, row)),
    "END",
    `settle "$DISK_${disk}" ${numbers}`,
    "",
  ].join("\n");
}

export function renderMakeFilesystem(step: StepOf<"make-filesystem">): string {
  const device = `"$${variable("DEVICE", step.place)}"`;
  const labelFlag = { vfat: "-n", f2fs: "-l" }[step.filesystem as string] ?? "-L";
  const label = step.label === undefined ? [] : [labelFlag, step.label];
  const commands = {
    ext2: ["mkfs.ext2", "-q", "-F"],
    ext3: ["mkfs.ext3", "-q", "-F"],
    ext4: ["mkfs.ext4", "-q", "-F"],
    xfs: ["mkfs.xfs", "-q", "-f"],
    btrfs: ["mkfs.btrfs", "-q", "-f"],
    f2fs: ["mkfs.f2fs", "-q", "-f"],
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
