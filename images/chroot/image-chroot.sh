#!/bin/sh
# image-chroot TREE HOSTNAME COMMAND [ARGUMENT...]
#
# Runs COMMAND with TREE as its root, as if the image had booted: /proc, /sys, /dev and a fresh /run are there, and names
# resolve as on this server. Mounts live in a mount namespace of their own, so the kernel undoes every one of them when
# COMMAND ends, however it ends. Processes live in a PID namespace, so a daemon that started all the same ends with COMMAND, and all
# of them when this program is killed: the first of a PID namespace takes all others in it along.
set -eu

tree=$1
name=$2
shift 2

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
	# Not the way out of /run again: the tree came from a machine that need not be friendly, and the file is written.
	/run/*/../* | ../run/*/../* | /run/../* | ../run/../* | */..) ;;
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

exec unshare --mount --propagation private --uts --ipc --pid --fork --kill-child \
	sh -c "$inside" image-chroot "$tree" "$name" "$@"
