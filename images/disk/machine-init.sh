#!/bin/sh
# The first program of the small virtual machine that opens disks which the server's own kernel does not: it lies in front of a
# flavor's ramdisk. It carries out what the server asks for over a virtio port, and switches the machine off when the server has gone.
#
# A question is a line: shell text in base64. The answer is a line with the exit code and the numbers of bytes that follow it, of
# standard output and of standard error.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/lib/busybox LC_ALL=C HOME=/root
# There is no udev: device mapper and mdadm make their device nodes themselves.
export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mkdir -p /run/lock/lvm /run/mdadm /usr/lib/busybox /sysroot
/usr/bin/busybox --install -s /usr/lib/busybox

# Arrays stay as they are until something is written: nothing is rebuilt in a machine that lives for minutes.
modprobe -q md_mod start_ro=1
for module in virtio_pci virtio_mmio virtio_blk virtio_console dm_mod linear raid0 raid1 raid10 raid456; do
	modprobe -q "$module"
done
echo 1 >/sys/module/md_mod/parameters/start_ro

# The port's device, once the kernel has found it.
find_port() {
	for folder in /sys/class/virtio-ports/*; do
		if [ "$(cat "$folder/name" 2>/dev/null)" = ingot ] && [ -c "/dev/${folder##*/}" ]; then
			echo "/dev/${folder##*/}"
			return
		fi
	done
}

waited=0
port=$(find_port)
while [ -z "$port" ] && [ "$waited" -lt 60 ]; do
	sleep 1
	waited=$((waited + 1))
	port=$(find_port)
done

if exec 3<>"$port"; then
	echo ingot-machine >&3
	while IFS= read -r line <&3; do
		printf '%s' "$line" | base64 -d >/run/question
		code=0
		sh /run/question </dev/null 3>&- >/run/output 2>/run/said || code=$?
		tail -c 65536 /run/said >/run/said.end
		printf '%s %s %s\n' "$code" "$(wc -c </run/output)" "$(wc -c </run/said.end)" >&3
		cat /run/output /run/said.end >&3
	done
else
	echo "ingot: no virtio port leads to the server"
fi
poweroff -f
