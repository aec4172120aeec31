import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeRichTree } from "./rich-tree.ts";
import { copyTree, rsyncFinds } from "./tree-copy.ts";

let base: string;
let source: string;
let target: string;

beforeEach(() => {
  base = mkdtempSync("/var/tmp/ingot-fidelity-");
  source = join(base, "source");
  target = join(base, "target");
  mkdirSync(source);
  makeRichTree(source);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

describe("copying a tree that holds everything", () => {
  it("leaves rsync nothing to do, and itself neither", async () => {
    const first = await copyTree(source, target);

    expect(first.result.torn).toEqual([]);
    expect(first.result.vanished).toEqual([]);
    expect(rsyncFinds(source, target)).toBe("");
    const second = await copyTree(source, target);
    expect(second.actions).toEqual([]);
  });

  it("does the same where the target is full already", async () => {
    execFileSync("sh", [
      "-c",
      'mkdir -p "$1/etc/a" "$1/gone/deep" "$1/usr/sym"; echo x > "$1/gone/deep/x"; echo y > "$1/etc/a/y"; echo z > "$1/long"',
      "sh",
      target,
    ]);

    const first = await copyTree(source, target);

    expect(first.result.kept).toEqual([]);
    expect(rsyncFinds(source, target)).toBe("");
    expect((await copyTree(source, target)).actions).toEqual([]);
  });
});

describe("copying again after edits", () => {
  const edits: Record<string, string> = {
    "content with size and time as before":
      't=$(stat -c %y odd); head -c 513 /dev/urandom > odd; touch -d "$t" odd',
    "one name of three linked ones cut loose": "rm usr/a-link; cp -p etc/a usr/a-link",
    "a further name before the first": "ln etc/a aaa",
    "the first name of three removed": "rm etc/a",
    "two files made one": "rm srv/xattr; ln srv/acl srv/xattr",
    "a link text": "ln -sfn other usr/dangling",
    "a symlink's time": "touch -h -d '1999-01-01T00:00:00.1Z' usr/sym",
    "a nanosecond": "touch -d '1960-02-03T04:05:06.000000002Z' old",
    "a directory become a file": "rm -r var/lib/deep; echo x > var/lib/deep",
    "a file become a directory": "rm big; mkdir big; echo x > big/in",
    "a device number": "rm dev/big; mknod dev/big c 250 70001",
    setuid: "chmod u-s usr/bin/suid",
    "an owner": "chown 9:9 usr/bin/suid; chmod 6755 usr/bin/suid",
    "an ACL": "setfacl -m u:4:r srv/acl",
    "a default ACL removed": "setfacl -k srv/acldir",
    "an xattr of a file": "setfattr -n user.bin -v 0x00 srv/xattr",
    "an xattr of a directory removed": "setfattr -x user.ondir empty",
    "a capability": "setcap cap_net_raw+ep usr/bin/cap",
    "a hole filled": "dd if=/dev/zero of=var/sparse bs=1M count=1 conv=notrunc 2>/dev/null",
    "a tree moved": "mv long longer",
  };
  it("repairs each single change, and only that", async () => {
    await copyTree(source, target);
    for (const [name, script] of Object.entries(edits)) {
      const before = new Date();
      await new Promise((resolve) => setTimeout(resolve, 20));
      execFileSync("sh", ["-ec", script], { cwd: source });
      const newer = execFileSync("find", [".", "-newerct", before.toISOString(), "-printf", "%P\\0"], {
        cwd: source,
        encoding: "latin1",
      });
      const suspects = new Set(newer.split("\0"));

      const copied = await copyTree(source, target, { suspect: (path) => suspects.has(path) }).catch(
        (error: unknown) => {
          throw new Error(`after: ${name}`, { cause: error });
        },
      );

      expect([name, rsyncFinds(source, target)]).toEqual([name, ""]);
      expect([name, copied.actions.length > 0]).toEqual([name, true]);
      expect([name, (await copyTree(source, target)).actions]).toEqual([name, []]);
    }
  });
});
