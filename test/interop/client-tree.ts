/** A tree with everything that a capture must keep, and a judge that is not ours. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Runs shell text as root; for arranging tests. */
export function shell(text: string): string {
  return execFileSync("bash", ["-euc", text], { encoding: "latin1", maxBuffer: 64 * 1024 * 1024 });
}

/** Fills `root` with the fidelity list: links, ACLs, attributes, capabilities, sparse files, devices, odd names and times. */
export function makeClientTree(root: string): void {
  mkdirSync(root, { recursive: true });
  shell(`cd '${root}'
    mkdir -p bin dev etc/systemimager home/anna lib proc sys tmp usr/bin usr/lib var/lib/app var/log var/tmp 'with space' lost+found
    echo hello > etc/motd; echo 'n1' > etc/hostname; echo '127.0.0.1 localhost' > etc/hosts
    head -c 300000 /dev/urandom > usr/bin/tool; chmod 4755 usr/bin/tool
    ln usr/bin/tool usr/bin/tool-too; ln usr/bin/tool bin/tool-three
    ln -s ../usr/bin/tool etc/link; ln -s nowhere etc/dangling; ln -s / lib/root
    cp usr/bin/tool usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
    setfattr -n user.note -v 'a value' etc/motd; setfattr -n user.bin -v 0x00ff00 etc/hosts
    setfacl -m u:1234:rw etc/motd; setfacl -d -m g:77:rx var/lib/app
    truncate -s 40M var/lib/app/sparse; printf middle | dd of=var/lib/app/sparse bs=1 seek=20000000 conv=notrunc status=none
    mkfifo var/lib/app/fifo; mknod var/lib/app/null c 1 3; mknod var/lib/app/disk b 254 17
    printf 'x' > "$(printf 'var/lib/app/latin\\351\\377')"
    printf 'y' > "$(printf 'var/lib/app/new\\nline')"
    printf 'z' > 'with space/-rf *'; printf q > "with space/quote'\\"\\\\x"
    d=var/lib/app; for i in 1 2 3; do d=$d/$(printf 'd%.0s' {1..120}); done; mkdir -p "$d"; echo deep > "$d/file"
    chown -R 1000:1001 home/anna; chown -h 33:34 etc/dangling; chmod 1777 tmp; chmod 2750 var/log
    touch -d '1969-12-31 12:00:00.25' etc/hosts; touch -d '2040-05-06 07:08:09.123456789' usr/lib
    touch -h -d '2001-02-03 04:05:06.7' etc/link
    for i in $(seq 200); do echo "file $i" > usr/lib/file-$i; done
    echo lost > lost+found/x
  `);
}

/** What rsync would do to make `to` like `from`: nothing, where the copy is faithful. Sockets come and go with their programs. */
export function rsyncDifferences(
  from: string,
  to: string,
  excludes: readonly string[] = [],
): readonly string[] {
  const result = spawnSync(
    "rsync",
    [
      "-naHAX",
      "--numeric-ids",
      "--delete",
      "--checksum",
      "--itemize-changes",
      "--exclude=/lost+found/",
      ...excludes.map((pattern) => `--exclude=${pattern}`),
      `${from}/`,
      `${to}/`,
    ],
    { encoding: "latin1", maxBuffer: 64 * 1024 * 1024 },
  );
  if (result.status !== 0) {
    throw new Error(`rsync: ${result.stderr}`);
  }
  return result.stdout.split("\n").filter((line) => line !== "");
}
