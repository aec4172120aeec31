/** The part of every master script that does not depend on what is installed: how steps fail, report and write files. */

/** Shell functions that all steps use. */
export const baseFunctions = `# --- How this script works -------------------------------------------------------------------------------------------
# The library of the install ramdisk: ingot_fetch, ingot_post, ingot_report, ingot_fail. INGOT_SERVER, INGOT_PIN,
# INGOT_TOKEN and INGOT_MAC are in the environment. Further variables that may be set by hand:
#   INGOT_DISKS="/dev/sda /dev/sdb"  install onto these disks, in the layout's order
#   INGOT_WIPE=yes                   whatever the disks hold may go
#   INGOT_STOP_BEFORE=write          end before a phase, in order to look at what was done
#   INGOT_LUKS_KEY=FILE              the passphrase for encrypted volumes, instead of asking the server
#   INGOT_UNSIGNED=yes               Secure Boot is on and loaders are not a shim: the site signs them itself
# The server tells these where the script was pinned for more than one node:
#   INGOT_HOSTNAME, INGOT_DOMAIN, INGOT_IMAGE
TARGET=\${INGOT_TARGET:-/target}
# The library lies in the ramdisk, not beside this script.
# shellcheck source=/dev/null
. "\${INGOT_LIBRARY:-/lib/ingot/node.sh}"
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
	if [ "\${INGOT_STOP_BEFORE:-}" = "$1" ]; then
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
	chroot "$TARGET" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C TERM=linux \\
		DEBIAN_FRONTEND=noninteractive GRUB_DISABLE_OS_PROBER=true "$@" </dev/null
}

# image_has PROGRAM: true where the new system has it.
image_has() {
	in_image sh -c 'command -v "$1" >/dev/null' sh "$1"
}
`;
