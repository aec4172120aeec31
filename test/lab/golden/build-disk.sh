#!/bin/sh
# Makes the golden client's disk as an administrator would by hand for a KVM guest whose disk is /dev/vda: msdos label,
# /boot, / and swap, filesystems named by LABEL= in fstab, GRUB in the master boot record.
#
#   unshare --mount sh build-disk.sh TAR DISK SIZE PUBKEY CONTENT
#
# It runs in its own mount namespace, so that no mount outlives it, and hands the loop device back to the kernel as soon as
# it is mounted: the last unmount frees it, however this script ends.
set -eu

tarball=$1
disk=$2
size=$3
public_key=$4
content=$5

work=$(mktemp -d)
root=$work/root
loop=
clean_up() {
  umount -R "$root" 2>/dev/null || true
  umount -q /dev "$work/dev" 2>/dev/null || true
  if [ -n "$loop" ]; then losetup -d "$loop" 2>/dev/null || true; fi
  # rmdir, not rm -r: if something is still mounted here, nothing below it may be deleted.
  rmdir "$root" "$work/dev" "$work" 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

echo "partitioning a $size disk"
rm -f "$disk"
truncate -s "$size" "$disk"
sfdisk --quiet "$disk" <<'LAYOUT'
label: dos
label-id: 0x60d1d000
start=2048, size=256MiB, type=83, bootable
size=256MiB, type=82
type=83
LAYOUT

loop=$(losetup --find --show --partscan "$disk")
name=${loop##*/}
# Some kernels do not read partition tables themselves; partx tells them (and changes nothing where they did).
partx --update "$loop"

# A /dev of our own, for this script and for the new system: only the nodes that are needed, made from the numbers in
# /sys, so that nothing here depends on udev or writes to this machine's own /dev.
mkdir -p "$root"
nodes=$work/dev
mkdir "$nodes"
mount -t tmpfs -o mode=755 tmpfs "$nodes"
node() { # node NAME: makes the block device NAME from /sys
  numbers=$(cat "/sys/class/block/$1/dev")
  mknod "$nodes/$1" b "${numbers%:*}" "${numbers#*:}"
}
for part in "$name" "${name}p1" "${name}p2" "${name}p3"; do node "$part"; done
mknod -m 666 "$nodes/null" c 1 3
mknod -m 666 "$nodes/zero" c 1 5
mknod -m 666 "$nodes/full" c 1 7
mknod -m 666 "$nodes/random" c 1 8
mknod -m 666 "$nodes/urandom" c 1 9
mknod -m 666 "$nodes/tty" c 5 0
ln -s /proc/self/fd "$nodes/fd"
mount --bind "$nodes" /dev

echo "making filesystems"
mkfs.ext4 -q -F -L boot "/dev/${name}p1"
mkswap -q -L swap "/dev/${name}p2" >/dev/null
mkfs.ext4 -q -F -L root "/dev/${name}p3"
mount "/dev/${name}p3" "$root"
mkdir "$root/boot"
mount "/dev/${name}p1" "$root/boot"
losetup -d "$loop" # stays until the last unmount

echo "unpacking the system"
tar --extract --file="$tarball" --directory="$root" --numeric-owner --xattrs --xattrs-include='*' --acls
mount --bind "$nodes" "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

echo "configuring"
echo golden >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\tgolden\n' >"$root/etc/hosts"
cat >"$root/etc/fstab" <<'FSTAB'
# <file system> <mount point> <type> <options> <dump> <pass>
LABEL=root / ext4 errors=remount-ro 0 1
LABEL=boot /boot ext4 defaults 0 2
LABEL=swap none swap sw 0 0
FSTAB
cat >"$root/etc/systemd/network/10-dhcp.network" <<'NETWORK'
[Match]
Type=ether
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
# Leases of known machines are by MAC address.
ClientIdentifier=mac
NETWORK
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root/.ssh"
cp "$public_key" "$root/root/.ssh/authorized_keys"
chmod 600 "$root/root/.ssh/authorized_keys"
cat >"$root/etc/default/grub" <<'GRUB'
GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB_TERMINAL=console
GRUB_DISABLE_OS_PROBER=true
GRUB

# GRUB's scripts name the root filesystem by UUID only where udev has made a link for it.
mkdir -p "$nodes/disk/by-uuid"
for part in "${name}p1" "${name}p3"; do
  uuid=$(blkid -s UUID -o value -p "/dev/$part")
  ln -s "../../$part" "$nodes/disk/by-uuid/$uuid"
done
chroot "$root" /bin/sh -eu -s "$name" <<'CHROOT'
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
systemd-machine-id-setup >/dev/null 2>&1
systemctl --quiet enable systemd-networkd.service ssh.service cron.service
# Nobody waits for a console login or a package index on a test machine.
systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-networkd-wait-online.service
# GRUB must find its disk under the name it has right now.
mkdir -p /boot/grub
printf '(hd0) /dev/%s\n' "$1" >/boot/grub/device.map
grub-install --target=i386-pc "/dev/$1" 2>&1
rm /boot/grub/device.map
update-grub 2>&1
CHROOT
if ! grep -q 'root=UUID=' "$root/boot/grub/grub.cfg"; then
  echo "grub.cfg does not name the root filesystem by UUID" >&2
  exit 1
fi

echo "adding the content that is hard to copy"
sh "$content" "$root/srv/fidelity" "$root/srv/fidelity-links"
rm -rf "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists"
mkdir -p "$root/var/lib/apt/lists/partial"
find "$root/var/log" -type f -exec truncate -s 0 {} +

umount "$root/sys" "$root/proc" "$root/dev"
umount /dev
umount "$nodes"
rmdir "$nodes"
umount "$root/boot"
umount "$root"
# The loop device frees itself after the last unmount; wait, so that whoever reads the file next sees all of it.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if ! losetup --associated "$disk" | grep -q .; then break; fi
  sleep 0.2
done
sync -f "$disk"
echo "done"
