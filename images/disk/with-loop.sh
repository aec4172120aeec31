#!/bin/sh
# with-loop MODE FILE OFFSET SIZE COMMAND [ARGUMENT...]
#
# Runs COMMAND with a loop device of a stretch of FILE as its last argument; MODE is ro or rw. The device is told to go away
# while it is still held open here, so the kernel frees it when COMMAND ends, however it ends.
set -eu

mode=$1
file=$2
offset=$3
size=$4
shift 4

if [ "$mode" = ro ]; then
	loop=$(losetup --find --show --read-only --offset "$offset" --sizelimit "$size" -- "$file")
	exec 9<"$loop"
else
	loop=$(losetup --find --show --offset "$offset" --sizelimit "$size" -- "$file")
	exec 9<>"$loop"
fi
losetup --detach "$loop"
exec "$@" "$loop"
