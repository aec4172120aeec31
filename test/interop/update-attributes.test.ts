import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;
const session = localSession();

/** Each changes one thing of one entry, to one of two values of $v (1 on the golden client, 2 on the node), and puts times back. */
const cases: readonly (readonly [what: string, script: string])[] = [
  ["the owner of a file", "chown 100$v x/file"],
  ["the group of a directory", "chgrp 100$v x/dir"],
  ["a uid over 2^21", "chown 300000$v x/file-2"],
  ["the owner of a symbolic link", "chown -h 7$v x/link"],
  ["setuid", "chmod $((v + 3))755 x/file-3"],
  ["setgid and sticky of a directory", "chmod $((v + 1))755 x/dir-2"],
  ["a single nanosecond of an mtime", "touch -d 2020-02-02T02:02:02.00000000$v x/file-4"],
  ["an mtime before 1970", "touch -d @-1234.00000000$v x/file-5"],
  ["an mtime after 2038", "touch -d 2240-01-01T00:00:0$v.5 x/file-6"],
  ["the time of a symbolic link", "touch -h -d 2020-02-02T02:02:02.00000000$v x/link-2"],
  ["the time of a directory", "touch -d 2020-02-02T02:02:02.00000000$v x/dir-3"],
  ["the time of a device", "touch -d 2020-02-02T02:02:02.00000000$v x/null"],
  ["the target of a symbolic link", "ln -sfn ../to-$v x/link-3; touch -h -d 2020-02-02 x/link-3"],
  ["a minor device number", "rm -f x/dev; mknod x/dev b 250 7000$v; touch -d 2020-02-02 x/dev"],
  [
    "a FIFO in place of a file",
    "rm -f x/fifo; [ $v = 2 ] && : >x/fifo || mkfifo x/fifo; touch -d 2020-02-02 x/fifo",
  ],
  [
    "hard links in other groups",
    "rm -f x/h*; echo h >x/h1; ln x/h1 x/h$((v + 1)); cp x/h1 x/h$((4 - v)); ln x/h1 x/dir-4/h4; touch -d 2020-02-02 x/h* x/dir-4",
  ],
  [
    "one of several names cut off",
    "rm -f x/c1; echo c >x/c2; ln -f x/c2 x/c3; [ $v = 2 ] && cp x/c2 x/c1 || ln x/c2 x/c1; touch -d 2020-02-02 x/c*",
  ],
  ["a binary attribute", "setfattr -n user.bin -v 0x00ff00$v$v x/file-7"],
  [
    "an attribute that only one side has",
    "setfattr -x user.more x/file-8 2>/dev/null; [ $v = 1 ] || setfattr -n user.more -v m x/file-8",
  ],
  ["an attribute of a directory", "setfattr -n user.dir -v $v x/dir-5"],
  [
    "an attribute of a directory that only one side has",
    "setfattr -x user.more x/dir-6 2>/dev/null; [ $v = 1 ] || setfattr -n user.more -v m x/dir-6",
  ],
  ["an attribute of a symbolic link", "setfattr -h -n trusted.link -v $v x/link-4"],
  ["an ACL", "setfacl -b x/file-9; setfacl -m u:50$v:r x/file-9"],
  ["an ACL that only one side has", "setfacl -b x/file-10; [ $v = 1 ] || setfacl -m u:1:r x/file-10"],
  ["a default ACL", "setfacl -b x/dir-7; setfacl -d -m g:5$v:rx x/dir-7"],
  ["a capability", "setcap cap_$([ $v = 1 ] && echo chown || echo fowner)+ep x/file-11"],
  ["a SELinux label", "setfattr -n security.selinux -v system_u:object_r:etc$v:s0 x/file-12"],
  ["content with the same size and time", "printf $v >x/file-13; touch -d 2020-02-02 x/file-13"],
  [
    "holes",
    "rm x/sparse; [ $v = 2 ] && head -c 3000000 /dev/zero >x/sparse || truncate -s 3000000 x/sparse; touch -d 2020-02-02 x/sparse",
  ],
];

/** As above, of other entries: these are changed together, each of them alone. */
const more: readonly string[] = [
  "chmod 60$v y/null",
  "chown 9$v y/pipe",
  "touch -d 2020-02-02T02:02:02.00000000$v y/pipe-2",
  "rm -f y/dev; mknod y/dev c 25$v 5; touch -d 2020-02-02 y/dev",
  "rm -f y/dev-2; mknod y/dev-2 $([ $v = 1 ] && echo b || echo c) 7 5; touch -d 2020-02-02 y/dev-2",
  "setfattr -n trusted.device -v $v y/null-2",
  "setfacl -b y/dir; setfacl -m u:50$v:rx y/dir",
  "setfattr -n security.selinux -v system_u:object_r:dir$v:s0 y/dir-2",
  "chmod 1$((v + 4))55 y/dir-3",
  "setfattr -h -n security.selinux -v system_u:object_r:link$v:s0 y/link",
  "chown -h 3000000$v:4000000$v y/link-2",
  "setfattr -n user.shared -v $v y/l1",
  "chmod 70$v y/m1",
  "setfattr -x user.empty y/file; [ $v = 1 ] || setfattr -n user.empty y/file",
  "setfattr -n user.large -v $(printf '%01000d' $v) y/file-2",
  "setfattr -n user.a=b -v $v y/file-3",
  "touch -d 1901-01-01T00:00:00.00000000$v \"$(printf 'y/a\\nb\\\\c \\351')\"",
  "setfattr -n user.n -v $v \"$(printf 'y/\\\\101 \\n*')\"",
  "chown 55$v ./y/-rf",
  "printf $v >'y/ $x`'; touch -d 2020-02-02 'y/ $x`'",
];

describe.skipIf(!hasSshd)("a change of one thing alone,", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-one-"));
  const golden = path.join(folder, "golden");
  const node = path.join(folder, "node");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const set = (root: string, script: string, value: number) =>
    shell(
      `cd '${root}'; exec 2>/dev/null; before=$(stat -c %y x); there=$(stat -c %y y); v=${value}; set +e; ${script}; touch -d "$before" x; touch -d "$there" y`,
    );
  const capture = () => captureImage({ session, store, image, root: golden, clock });
  const update = () =>
    updateNode({ session, store, image, root: node, clock, options: { noBootloader: true } });
  const differences = (from: string) => rsyncDifferences(from, store.treePath(image), ["/etc/systemimager/"]);

  beforeAll(async () => {
    shell(`mkdir -p '${golden}/x' '${golden}/etc/systemimager'; cd '${golden}'; echo layout >etc/systemimager/autoinstallscript.conf
      for i in '' $(seq -f -%g 2 13); do echo "$i" >"x/file$i"; done; for i in '' $(seq -f -%g 2 7); do mkdir "x/dir$i"; ln -s to "x/link$i"; done
      mknod x/null c 1 3; truncate -s 3000000 x/sparse; touch -h -d 2020-02-02 x/*`);
    shell(`mkdir -p '${golden}/y'; cd '${golden}/y'; for i in '' -2 -3; do echo "$i" >"file$i"; mkdir "dir$i"; ln -s to "link$i"; mknod "null$i" c 1 3; mkfifo "pipe$i"; done
      echo l >l1; ln l1 dir/l2; echo m >m1; ln m1 dir/m2; ln m1 m3; : >-rf; : >"$(printf 'a\\nb\\\\c \\351')"; : >"$(printf '\\\\101 \\n*')"
      find . -exec touch -h -d 2020-02-02 {} +`);
    for (const script of [...cases.map(([, script]) => script), ...more]) {
      set(golden, script, 2);
    }
    await capture();
    shell(`mkdir -p '${node}/etc/systemimager'`);
    await update();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("on the client reaches the image, and from there the node", async () => {
    for (const script of [...cases.map(([, script]) => script), ...more]) {
      set(golden, script, 1);
    }

    const captured = await capture();
    expect(captured.sentFiles).toBeLessThan(2 * (cases.length + more.length));
    expect(differences(golden)).toEqual([]);

    await update();
    expect(differences(node)).toEqual([]);
  });

  test.each(cases)("%s on the node is put right, and nothing else sent", async (_what, script) => {
    set(node, script, 2);

    const { plan } = await update();
    if (!script.includes("x/sparse")) {
      expect(plan.actions.length).toBeGreaterThan(0);
      expect(plan.actions.length).toBeLessThan(5);
    }
    expect(differences(node)).toEqual([]);
    expect([...(await update()).plan.actions]).toEqual([]);
  });

  test("of many entries at once, is put right in each, and nothing else sent", async () => {
    for (const script of more) {
      set(node, script, 2);
    }
    expect(differences(node).length).toBeGreaterThan(more.length - 2);

    const { plan } = await update();

    const paths = [...plan.actions].map((action) =>
      action.kind === "delete" ? action.path : action.entry.path,
    );
    expect(paths.length).toBeGreaterThanOrEqual(more.length);
    // Beside the entries themselves, further names of two of them.
    expect(paths.length).toBeLessThanOrEqual(more.length + 3);
    expect(differences(node)).toEqual([]);
    expect([...(await update()).plan.actions]).toEqual([]);
  });
});
