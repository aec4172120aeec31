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

describe.skipIf(!hasSshd)("a change of one thing alone,", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-one-"));
  const golden = path.join(folder, "golden");
  const node = path.join(folder, "node");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const set = (root: string, script: string, value: number) =>
    shell(
      `cd '${root}'; exec 2>/dev/null; before=$(stat -c %y x); v=${value}; set +e; ${script}; touch -d "$before" x`,
    );
  const capture = () => captureImage({ session, store, image, root: golden, clock });
  const update = () =>
    updateNode({ session, store, image, root: node, clock, options: { noBootloader: true } });
  const differences = (from: string) => rsyncDifferences(from, store.treePath(image), ["/etc/systemimager/"]);

  beforeAll(async () => {
    shell(`mkdir -p '${golden}/x' '${golden}/etc/systemimager'; cd '${golden}'; echo layout >etc/systemimager/autoinstallscript.conf
      for i in '' $(seq -f -%g 2 13); do echo "$i" >"x/file$i"; done; for i in '' $(seq -f -%g 2 7); do mkdir "x/dir$i"; ln -s to "x/link$i"; done
      mknod x/null c 1 3; truncate -s 3000000 x/sparse; touch -h -d 2020-02-02 x/*`);
    for (const [, script] of cases) {
      set(golden, script, 2);
    }
    await capture();
    shell(`mkdir -p '${node}/etc/systemimager'`);
    await update();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("on the client reaches the image, and from there the node", async () => {
    for (const [, script] of cases) {
      set(golden, script, 1);
    }

    const captured = await capture();
    expect(captured.sentFiles).toBeLessThan(2 * cases.length);
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
});
