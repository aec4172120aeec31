#!/bin/sh
# Makes this machine ready to build, test and demonstrate Ingot: Debian packages, npm packages, the build. Quick when all is there.
set -eu
cd "$(dirname "$0")/.."

# One package a line, with what it is for. Debian 12 (bookworm) names.
packages=$(sed 's/ *#.*//' <<'LIST'
acl                 # getfacl, setfacl: fidelity tests
atftp               # a foreign TFTP client with windowsize
attr                # getfattr, setfattr: fidelity tests
build-essential     # better-sqlite3 compiles
btrfs-progs         # layouts
busybox-static      # the install ramdisk
ca-certificates     # HTTPS to mirrors
cpio                # the install ramdisk
curl                # client commands
dash                # the shell that shipped scripts must run in
debian-archive-keyring # mmdebstrap checks packages with it
dhcpcd-base         # a foreign DHCP client
dnsmasq-base        # DHCP of a site, in the lab
dosfstools          # mkfs.vfat: layouts
e2fsprogs           # mkfs.ext4: golden disk, layouts
fdisk               # sfdisk: golden disk, layouts
git                 # which files the checks are about
grub-efi-amd64-bin  # GRUB for UEFI netboot and images that have none
grub-pc-bin         # GRUB for BIOS
grub2-common        # grub-install, grub-mkimage
iproute2            # network namespaces, bridges, taps
ipxe                # undionly.kpxe, snponly.efi
ipxe-qemu           # QEMU's option ROMs
isc-dhcp-client     # a foreign DHCP client
kea-admin           # perfdhcp: the DHCP server under load
isc-dhcp-relay      # dhcrelay: machines behind a relay
isc-dhcp-server     # dhcpd -t reads exports
kea-dhcp4-server    # kea-dhcp4 -t reads exports
bind9-utils         # named-checkzone reads exports
nftables            # what a firewall shuts, dropped packets
kmod                # depmod: the modules of the install ramdisk
libcap2-bin         # setcap, getcap: fidelity tests
mmdebstrap          # Debian systems: the golden client, the ramdisk
openssh-client      # ssh into machines
openssh-server      # sshd in tests without machines
ovmf                # UEFI for QEMU
mtools              # FAT without the kernel: disk images
parted              # layouts
podman              # container archives, loaded by others
pxelinux            # lpxelinux.0: exports that a site's loader reads
syslinux-common     # ldlinux.c32, which that needs
python3             # node-gyp
qemu-efi-aarch64    # UEFI for emulated ARM servers
qemu-system-arm     # ARM servers
qemu-system-x86     # machines
qemu-utils          # qemu-img
rpm                 # an rpm database: which packages changed
rsync               # the judge of fidelity, and the peer of benchmarks
shellcheck          # shell scripts
skopeo              # container archives, made and read by others
socat               # the serial line of a machine by hand
tcpdump             # what went over a lab's wire
tftp-hpa            # a foreign TFTP client
tftpd-hpa           # a foreign TFTP server: the peer of benchmarks
udhcpc              # a foreign DHCP client
umoci               # container archives, unpacked by others
util-linux          # unshare, nsenter, losetup, partx
wget                # client commands where curl is not
xfsprogs            # mkfs.xfs: layouts
zstd                # packs
LIST
)

say() { echo "setup: $*" >&2; }

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  if [ "$status" != installed ]; then missing="$missing $package"; fi
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    say "these Debian packages are missing, and only root can install them:$missing"
    exit 1
  fi
  say "installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # The tests want sshd as a program. That this machine now lets people in is not for us to decide: no daemon is started.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # A package index may be absent or too old to name what the mirror still has: try as it is, then with a new one.
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -q
    apt-get install -y -q --no-install-recommends $missing
  }
  case " $missing " in
    *" openssh-server "*) systemctl disable ssh.service >/dev/null 2>&1 || true ;;
  esac
fi

node_major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${node_major:-0}" -lt 20 ]; then
  say "Node 20.19 or newer is needed; this is $(node --version 2>/dev/null || echo none)"
  exit 1
fi

installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
  say "installing npm packages"
  npm ci --no-audit --no-fund
fi

say "building"
npm run --silent build
# npm runs the CLI through a link; the file behind it must be executable.
if [ -f dist/server/cli/main.js ]; then chmod +x dist/server/cli/main.js; fi
