#!/bin/sh
# image-chroot TREE HOSTNAME COMMAND [ARGUMENT...]
#
# Runs COMMAND with TREE as its root, as if the image had booted: /proc, /sys, /dev and a fresh /run are there, names
# resolve as on this server, and no service is started by what is installed. Mounts live in a mount namespace of their own,
# so the kernel undoes every one of them when COMMAND ends, however it ends. Processes live in a PID namespace, so a
# daemon that started all the same ends with COMMAND.
set -eu

tree=$1
name=$2
shift 2

# invoke-rc.d and deb-systemd-invoke ask this program before they start anything: 101 means "no" (policy-rc.d(8)).
policy=$tree/usr/sbin/policy-rc.d
marker='# put here by ingot image chroot while it runs'
made_policy=no
# shellcheck disable=SC2317 # called by the trap below
remove_policy() {
	if [ "$made_policy" = yes ] && grep -qsF "$marker" "$policy"; then
		rm -f "$policy"
	fi
}
trap remove_policy EXIT
trap 'exit 130' INT TERM HUP

# The tree came from a machine that need not be friendly: nothing is written through a link out of it.
if [ ! -L "$tree/usr" ] && [ ! -L "$tree/usr/sbin" ] && [ -d "$tree/usr/sbin" ]; then
	if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
		made_policy=yes
		printf '#!/bin/sh\n%s\nexit 101\n' "$marker" >"$policy"
		chmod 755 "$policy"
	elif grep -qsF "$marker" "$policy"; then
		made_policy=yes # left behind by a chroot whose server lost power
	fi
fi

# The part that runs inside the new namespaces. It is handed tree and name as arguments, never pasted.
# shellcheck disable=SC2016 # the variables are for the inner shell
inside='
set -eu
tree=$1
name=$2
shift 2
for directory in proc sys dev run; do
	[ -d "$tree/$directory" ] || mkdir -m 755 "$tree/$directory"
done
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$tree/run"
mkdir -p "$tree/run/lock"
# A link to /run/systemd/resolve (or the like) gets the file it points to, in the fresh /run; a file is covered.
if [ -r /etc/resolv.conf ]; then
	link=$(readlink "$tree/etc/resolv.conf" || true)
	case $link in
	/run/* | ../run/*)
		target=$tree/run/${link#*run/}
		mkdir -p "${target%/*}"
		cat /etc/resolv.conf >"$target"
		;;
	"")
		if [ -f "$tree/etc/resolv.conf" ]; then
			mount --bind /etc/resolv.conf "$tree/etc/resolv.conf"
		fi
		;;
	esac
fi
hostname "$name" 2>/dev/null || true
cd "$tree"
exec chroot "$tree" "$@"
'

status=0
unshare --mount --propagation private --uts --ipc --pid --fork --kill-child \
	sh -c "$inside" image-chroot "$tree" "$name" "$@" || status=$?
exit "$status"
