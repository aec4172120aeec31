/** Makes a tree that holds everything a filesystem can hold. Needs root; Debian packages acl, attr, libcap2-bin. */
import { execFileSync } from "node:child_process";

const script = String.raw`
set -e
cd "$1"
mkdir -p etc usr/bin var/lib/deep/er dev home empty sticky srv
echo hostname > etc/hostname
echo one > etc/a; ln etc/a usr/a-link; ln etc/a var/lib/deep/er/third
ln -s ../etc/a usr/sym; touch -h -d '1999-12-31T23:59:59.123456789Z' usr/sym; chown -h 12:34 usr/sym
ln -s /nowhere/absolute usr/dangling
ln usr/dangling usr/dangling-link 2>/dev/null || :
cp /bin/true usr/bin/cap; setcap cap_net_raw,cap_net_admin+ep usr/bin/cap
cp /bin/true usr/bin/suid; chown 3:4 usr/bin/suid; chmod 6755 usr/bin/suid
chmod 1777 sticky
chown 3000000:4000000 home
mknod dev/null c 1 3; mknod dev/big c 250 70000; mknod dev/sda1 b 8 1; chmod 660 dev/sda1; chown 0:6 dev/sda1
ln dev/null dev/null-link
mkfifo var/pipe; ln var/pipe var/pipe-link
truncate -s 10M var/sparse-empty
truncate -s 20M var/sparse; printf data | dd of=var/sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null
printf tail | dd of=var/sparse bs=1 seek=20971516 conv=notrunc 2>/dev/null
printf x > srv/acl; setfacl -m u:1234:rw,g:4321:r srv/acl
mkdir srv/acldir; setfacl -m u:77:rwx srv/acldir; setfacl -d -m u:78:rwx,g:79:r srv/acldir
echo in > srv/acldir/inherits; mkdir srv/acldir/sub; echo in2 > srv/acldir/sub/file; setfacl -b srv/acldir/inherits
printf y > srv/xattr; setfattr -n user.bin -v 0x00ff0a3d00 srv/xattr; setfattr -n user.empty srv/xattr
setfattr -n trusted.overlay -v "y" srv/xattr; setfattr -n security.selinux -v "system_u:object_r:etc_t:s0" srv/xattr
setfattr -n user.ondir -v 0x0a00 empty
setfattr -h -n trusted.onlink -v 1 usr/sym
printf l > "$(printf 'latin\351')"; printf n > "$(printf 'new\nline')"; printf b > 'back\slash\n'; printf d > ./-dash; printf s > ' space '
printf q > "qu'ote\"s"; printf u > 'ü-utf8'; printf st > 'star*[x]?'
ln -s "$(printf 'to\377\n')" "$(printf 'link\200')"
echo old > old; touch -d '1960-02-03T04:05:06.000000001Z' old
echo half > half; touch -d '@-1.5' half
echo new > new; touch -d '2099-01-01T00:00:00.999999999Z' new
echo far > far; touch -d '2243-01-01T00:00:00.5Z' far
d=$(printf 'n%.0s' $(seq 200)); mkdir -p "long/$d/$d/$d"; echo deep > "long/$d/$d/$d/$d"; ln -s "$d/$d" long/link
: > zero; chmod 000 zero
head -c 3000000 /dev/urandom > big
head -c 513 /dev/urandom > odd
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local=>"var/socket",Listen=>1)'
chmod 700 var/socket
mkdir ro; echo x > ro/file; chmod 555 ro
touch -d '2001-02-03T04:05:06.789Z' empty etc ro usr/bin
touch -d '1955-02-03T04:05:06.789Z' var/lib
chmod 2755 var/lib/deep; chmod 750 .; setfattr -n user.root -v r .
touch -d '2002-02-02T02:02:02.2Z' .
`;

export function makeRichTree(root: string): void {
  execFileSync("sh", ["-c", script, "sh", root], { stdio: ["ignore", "inherit", "inherit"] });
}
