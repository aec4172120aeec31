#!/bin/sh
# services-off put|remove TREE
#
# invoke-rc.d and deb-systemd-invoke ask usr/sbin/policy-rc.d before they start anything: 101 means "no" (policy-rc.d(8)). This puts
# such a program into TREE where it has none, and takes it away again. The folder keeps its time, unless something else
# changed in it meanwhile: a chroot that changes nothing leaves nothing to commit.
set -eu

folder=$2/usr/sbin
policy=$folder/policy-rc.d
marker='# put here by ingot image chroot while it runs; folder '

# time_of FOLDER: to the nanosecond
time_of() {
	date --reference="$1" +@%s.%N
}

# ours: true where the file is there and was put there by this program.
ours() {
	[ -f "$policy" ] && [ ! -L "$policy" ] && grep -qF "$marker" "$policy"
}

# The tree came from a machine that need not be friendly: nothing is written through a link out of it.
if [ -L "$2/usr" ] || [ -L "$folder" ] || [ ! -d "$folder" ]; then
	exit 0
fi
case $1 in
put)
	if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
		time=$(time_of "$folder")
		printf '#!/bin/sh\n%s%s\nexit 101\n' "$marker" "$time" >"$policy"
		chmod 755 "$policy"
		touch -d "$time" "$folder"
	fi
	;;
remove)
	if ours; then
		noted=$(sed -n "s/^$marker//p" "$policy")
		now=$(time_of "$folder")
		rm -f "$policy"
		if [ "$noted" = "$now" ]; then
			touch -d "$now" "$folder"
		fi
	fi
	;;
esac
