/** Shell for arrays and volume groups: made in the phase format, recorded in the phase configure, put away at the end. */
import { quoteArgv, quoteWord } from "../../base/posix-quote.ts";
import type { GroupNeed, Room } from "../layout/group-room.ts";
import { cryptHeaderMib } from "../layout/stack-size.ts";
import { comment, deviceWord, variable } from "./script-block.ts";
import { renderRecordCrypts } from "./script-crypt.ts";
import type { InstallStep, StackDevice } from "./steps.ts";

type StepOf<Kind extends InstallStep["kind"]> = Extract<InstallStep, { kind: Kind }>;

/** Only in scripts that have use for them. */
export const stackFunctions = `# --- Arrays and volume groups ----------------------------------------------------------------------------------------
# array_mib HALVES MIB...: what an array of members of these sizes holds, in terms of halves of a member; md keeps up to a
# thousandth of each for itself.
array_mib() {
	halves=$1
	shift
	least=$1
	for member in "$@"; do
		if [ "$member" -lt "$least" ]; then
			least=$member
		fi
	done
	echo $(((least - (least + 1023) / 1024 - 1) * halves / 2))
}

# extents MIB EXTENT: the extents that a member of a volume group has for volumes.
extents() {
	if [ "$1" -lt "$2" ]; then
		echo 0
	else
		echo $((($1 - 1) / $2))
	fi
}

# enough_extents GROUP HAS NEEDS MIB: refuses disks that are too small for a group's volumes, before anything is written.
enough_extents() {
	if [ "$2" -lt "$3" ]; then
		fail "The disks are too small: the group $1 needs at least $(($3 * $4)) MiB and would get $(($2 * $4)) MiB; $((($3 - $2) * $4 * 1048576)) bytes short. Nothing was changed"
	fi
}

# wait_for NODE: until udev has made the device node.
wait_for() {
	tries=0
	until [ -b "$1" ]; do
		if [ "$tries" -ge 60 ]; then
			fail "$1 does not appear after it was made"
		fi
		if command -v udevadm >/dev/null; then
			udevadm settle --timeout=5 || true
		fi
		tries=$((tries + 1))
		sleep 0.5
	done
}

# make_array NODE MDADM-ARGUMENT...
make_array() {
	made=$1
	shift
	modprobe -q md_mod || true
	must "The array $made cannot be made" mdadm --create "$made" --run --quiet "$@"
	wait_for "$made"
}

# make_group NAME OPTION... -- DEVICE...
make_group() {
	group=$1
	shift
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	for member in "$@"; do
		must "$member cannot become a physical volume" pvcreate --force --force --yes --quiet "$member"
	done
	# The options are words of letters and digits.
	# shellcheck disable=SC2086
	must "The volume group $group cannot be made" vgcreate --yes --quiet $options "$group" "$@"
}

# make_volume GROUP NAME LVCREATE-ARGUMENT...
make_volume() {
	group=$1
	volume=$2
	shift 2
	must "The volume $volume of $group cannot be made" lvcreate --yes --quiet --wipesignatures y --name "$volume" "$@" "$group"
	wait_for "/dev/$group/$volume"
}

# record_arrays NODE...: in the distribution's file, in place of the golden client's arrays.
record_arrays() {
	image_has mdadm || fail "The layout has arrays and the image has no mdadm: add its package to the image"
	file=etc/mdadm.conf
	if [ -d "$TARGET/etc/mdadm" ]; then
		file=etc/mdadm/mdadm.conf
	fi
	if ! grep -v '^ARRAY' "$TARGET/$file" >"$WORK/mdadm.conf" 2>/dev/null; then
		printf 'HOMEHOST <system>\\nMAILADDR root\\n' >"$WORK/mdadm.conf"
	fi
	for array in "$@"; do
		mdadm --detail --export "$array" >"$WORK/array" || fail "$array cannot be read"
		uuid=$(sed -n 's/^MD_UUID=//p' "$WORK/array")
		metadata=$(sed -n 's/^MD_METADATA=//p' "$WORK/array")
		echo "ARRAY $array metadata=$metadata UUID=\${uuid:?}" >>"$WORK/mdadm.conf"
	done
	put "$file" <"$WORK/mdadm.conf" || fail "/$file cannot be written"
	# The golden client's arrays are named by UUID on dracut's command line; without names it assembles all there are.
	for file in $(boot_files); do
		edit "$file" -e "s|rd\\.md\\.uuid=[^ \\"']*|rd.auto|g"
	done
}

# record_groups GROUP...: where LVM keeps a list of its devices, it gets this machine's.
record_groups() {
	image_has lvm || fail "The layout has volume groups and the image has no lvm: add its package (lvm2) to the image"
	if in_image lvmconfig --typeconfig full devices/use_devicesfile 2>/dev/null | grep -q 'use_devicesfile=1'; then
		for group in "$@"; do
			in_image vgimportdevices "$group" || fail "LVM's list of devices cannot be written for $group"
		done
	fi
}

# put_away KIND NAME: stops what the install made, so that it is found clean at the first boot.
put_away() {
	if command -v udevadm >/dev/null; then
		udevadm settle --timeout=10 || true
	fi
	case $1 in
	array) mdadm --stop --quiet "$2" ;;
	crypt) cryptsetup close "$2" ;;
	group) vgchange --activate n --quiet "$2" ;;
	esac || echo "$2 cannot be stopped; the reboot does it"
}
`;

export function renderMakeArray(step: StepOf<"make-array">): string {
  const redundant = step.level !== "0" && step.level !== "linear";
  const options = [
    `--level=${step.level}`,
    `--raid-devices=${step.active}`,
    ...(step.spares > 0 ? [`--spare-devices=${step.spares}`] : []),
    `--metadata=${step.metadata}`,
    // Told, because mdadm asks otherwise.
    ...(redundant ? ["--bitmap=internal"] : []),
    ...(step.chunkKib === undefined ? [] : [`--chunk=${step.chunkKib}`]),
    ...(step.layout === undefined ? [] : [`--layout=${step.layout}`]),
    // A single member is unusual enough for mdadm to want it said twice.
    ...(step.active === 1 ? ["--force"] : []),
    `--homehost=${step.hostname}`,
  ];
  return [
    `# ${comment(step.purpose)}`,
    `make_array ${quoteArgv([step.node, ...options])} \\`,
    `\t${step.members.map(deviceWord).join(" ")}`,
    "",
  ].join("\n");
}

export function renderMakeGroup(step: StepOf<"make-group">): string {
  const members = step.members.map(deviceWord).join(" ");
  return `make_group ${quoteArgv([step.name, ...step.options, "--"])} ${members}\n`;
}

export function renderMakeVolume(step: StepOf<"make-volume">): string {
  return `make_volume ${quoteArgv([step.group, step.name, ...step.size, ...step.options])}\n`;
}

export function renderRecordStack(step: StepOf<"record-stack">): string {
  const arrays = step.devices.flatMap((one) => (one.kind === "array" ? [one.node] : []));
  const groups = step.devices.flatMap((one) => (one.kind === "group" ? [one.name] : []));
  return [
    ...(arrays.length === 0 ? [] : [`record_arrays ${quoteArgv(arrays)}`]),
    ...(groups.length === 0 ? [] : [`record_groups ${quoteArgv(groups)}`]),
    renderRecordCrypts(step.devices),
    "",
  ].join("\n");
}

export function renderPutAway(stack: readonly StackDevice[]): readonly string[] {
  return stack.map((one) => `put_away ${one.kind} ${quoteWord(one.kind === "array" ? one.node : one.name)}`);
}

function roomText(room: Room): string {
  switch (room.kind) {
    case "partition":
      return `"$${variable("SIZE", room.place)}"`;
    case "array":
      return `"$(array_mib ${room.halves} ${room.members.map(roomText).join(" ")})"`;
    case "crypt":
      return `"$((${roomText(room.inner)
        .replace(/^"\$?(\w+)"$/, "$1")
        .replaceAll('"', "")} - ${cryptHeaderMib}))"`;
    default:
      return room satisfies never;
  }
}

/** The lines that compare what volume groups need with what the sizes of partitions give. */
export function groupLines(groups: readonly GroupNeed[]): readonly string[] {
  return groups.flatMap((group, index) => {
    const extents = group.members.map((room) => `$(extents ${roomText(room)} ${group.extentMib})`);
    const name = `EXTENTS_${index + 1}`;
    return [
      "",
      `# The volume group ${comment(group.name)}, in extents of ${group.extentMib} MiB.`,
      `${name}=$((${extents.join(" + ")}))`,
      `enough_extents ${quoteWord(group.name)} "$${name}" ${group.extents} ${group.extentMib}`,
    ];
  });
}
