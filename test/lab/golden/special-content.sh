#!/bin/sh
# Makes a tree of everything that is hard to copy, and a second folder that shares hard links with it.
#
#   sh special-content.sh FOLDER LINKS        (root; needs setfacl, setfattr, setcap)
set -eu
# Bytes, not characters: the names below are not UTF-8.
export LC_ALL=C

here=$1
links=$2
mkdir -p "$here" "$links"
cd "$here"

# Hard links: within a folder, across folders, with the link sorting before its target, of a symlink and of a device.
echo "one inode, four names" >hard-b
ln hard-b hard-a
ln hard-b "$links/hard-c"
mkdir -p deep/er
ln hard-b deep/er/hard-d
ln -s hard-b symlink
ln -P symlink symlink-hard
mknod device-char c 1 3
ln device-char device-char-hard

# Devices, FIFO, and a device number that needs more than eight bits.
mknod device-block b 7 200
mknod device-large c 511 70000
mkfifo -m 640 fifo

# Symlinks: dangling, absolute, to a folder, with a target that is not UTF-8, and with a time of its own.
ln -s does/not/exist dangling
ln -s /etc/passwd absolute
ln -s deep folder-link
ln -s "$(printf 'caf\351')" symlink-latin1
touch -h -d '2001-02-03 04:05:06.123456789' dangling

# Names: Latin-1, newline, leading dash and dot, blanks, quotes, backslash, a control character, 255 bytes, a long path.
echo latin1 >"$(printf 'caf\351 \374ber')"
echo newline >"$(printf 'two\nlines')"
echo "newline at the end" >"$(printf 'end\n.')"
echo blank >' leading and trailing blank '
echo dash >./-rf
echo dots >...
echo quote >"it's \"quoted\" \\ \$HOME \`id\`"
echo control >"$(printf 'bell\007escape\033')"
echo glob >'star * [a-z] ?'
echo long >"$(printf '%0255d' 0)"
long=long
for _ in 1 2 3 4 5 6; do long=$long/$(printf '%060d' 0); done
mkdir -p "$long"
echo "a path over 255 bytes" >"$long/file"

# Modes and owners: setuid, setgid, sticky, none at all, numeric owners that no passwd names.
for mode in 4755 2755 1644 6711 0000 0777 0444; do
  echo "$mode" >"mode-$mode"
  chmod "$mode" "mode-$mode"
done
mkdir setgid-folder sticky-folder empty-folder closed-folder
chmod 2775 setgid-folder
chmod 1777 sticky-folder
chmod 0000 closed-folder
echo owner >owner
chown 123456:654321 owner
chown -h 70000:70001 absolute
echo "chown clears setuid, so it comes first" >setuid-owner
chown 1234:1234 setuid-owner
chmod 4755 setuid-owner

# ACLs: access and default, with ids that no passwd names.
echo acl >acl
setfacl -m u:4321:rw-,g:8765:r--,m::rw- acl
mkdir acl-default
setfacl -d -m u:4321:rwx,g:8765:r-x acl-default
mkdir acl-default/inherited
echo inherited >acl-default/inherited/file

# Extended attributes: text, empty, binary with NUL, long; on a folder; trusted on a symlink (user.* is not allowed there).
echo xattr >xattr
setfattr -n user.text -v hello xattr
setfattr -n user.empty xattr
setfattr -n user.binary -v 0x00ff0a0d27220001 xattr
setfattr -n user.long -v "$(printf '%01500d' 0)" xattr
setfattr -n trusted.ingot -v 0x0001 xattr
mkdir xattr-folder
setfattr -n user.folder -v 0xdeadbeef xattr-folder
setfattr -h -n trusted.symlink -v own symlink-latin1

# File capabilities.
cp /bin/true capability
setcap cap_net_raw,cap_net_bind_service+ep capability

# Sparse: 64 MiB with three islands of data; all hole; a hole at the end.
truncate -s 64M sparse
printf start | dd of=sparse conv=notrunc status=none
printf middle | dd of=sparse bs=1M seek=32 conv=notrunc status=none
printf end | dd of=sparse bs=1 seek=67108861 conv=notrunc status=none
truncate -s 16M all-hole
echo data >hole-at-end
truncate -s 8M hole-at-end

# Times: before the epoch, the epoch, after 2038, with nanoseconds; on folders too.
echo old >time-1960 && touch -d '1960-01-01 00:00:00.5 UTC' time-1960
echo epoch >time-epoch && touch -d '1970-01-01 00:00:00 UTC' time-epoch
echo future >time-2040 && touch -d '2040-06-01 12:00:00.999999999 UTC' time-2040
echo nano >time-nano && touch -d '2020-02-02 02:02:02.000000001 UTC' time-nano
: >empty

# Immediately after each other, same size, same second, other content: only a digest or nanoseconds tell them apart.
echo aaaa >same-size-a
echo bbbb >same-size-b
touch -d '2021-01-01 00:00:00 UTC' same-size-a same-size-b

# Last, because making an entry changes its folder's time.
touch -d '1999-12-31 23:59:59.25 UTC' empty-folder xattr-folder deep/er
