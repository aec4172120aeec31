import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAll } from "../../base/async.ts";
import type { RelPath } from "../../base/path-bytes.ts";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { memberNames, tarCommand } from "../../images/tree/tar-tool.ts";
import { updateNode } from "../../images/update/run.ts";
import { chrootSession } from "./chroot-session.ts";
import { shell } from "./client-tree.ts";
import { oldToolsSession } from "./old-tools.ts";
import { debianBusybox, makeSmallTree, rsyncDifferencesOfSmall } from "./small-tree.ts";
import { hasSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "small" as ImageName;
/** Where the session mounts, and what comes and goes with programs. */
const volatile = ["proc", "sys", "dev", "tmp", "run", "var/socket"].map((each) => `--exclude=/${each}`);
const own = ["/etc/systemimager/IMAGE_LAST_SYNCED_TO", "/etc/hostname"].map((each) => `--exclude=${each}`);

describe.skipIf(!hasSshd)("a machine with no tools but busybox's", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-small-"));
  const golden = path.join(folder, "golden");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const node = path.join(folder, "node");
  const capture = () => captureImage({ session: chrootSession(golden), store, image, clock });
  const update = () => updateNode({ session: chrootSession(node), store, image, clock });

  beforeAll(() => {
    makeSmallTree(golden, { busybox: debianBusybox });
    makeSmallTree(node, { busybox: debianBusybox, bare: true });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is captured, beside what its tools do not show", async () => {
    const result = await capture();

    expect(result.warnings).toEqual(
      expect.arrayContaining([
        "The client's tar is busybox's: it cannot read extended attributes and file capabilities and POSIX ACLs: the image will not have them",
        "The client's tar knows no holes: sparse files are sent and stored with zeros in full",
      ]),
    );
    expect(rsyncDifferencesOfSmall(golden, store.treePath(image), volatile)).toBe("");
  });

  test("ends the stream where a file became shorter than its tar was told", async () => {
    // Files of sysfs say that they have 4096 bytes.
    const tar = { busyboxTar: true, tarXattrs: false, tarAcls: false, tarSelinux: false };
    const names = ["uevent_seqnum", "uevent_helper"] as RelPath[];

    const running = await chrootSession(golden).exec(tarCommand({ root: "/sys/kernel", tools: tar }), {
      stdin: memberNames(names),
    });
    const stdout = await readAll(running.stdout, { limit: 1024 * 1024, what: "the stream" });
    const { code, stderr } = await running.exit;

    expect(stderr).toContain("short read");
    expect(code).not.toBe(0);
    expect(stdout.length).toBeLessThan(1024);
  });

  test.each([
    ["among many others", 40],
    ["where few are read, each by itself", 0],
  ])("has a file that becomes shorter while it is read, %s: it is read again", async (_how, others) => {
    shell(`cd '${golden}'; mkdir -p srv/live; head -c 8000000 /dev/urandom >srv/live/a-log; echo behind >srv/live/behind
      i=0; while [ $i -lt ${others} ]; do echo $i >srv/live/other-$i; i=$((i + 1)); done; sleep 1.1`);
    const session = chrootSession(golden);
    let streams = 0;
    const shortening: RemoteSession = {
      ...session,
      async exec(command, options) {
        const running = await session.exec(command, options);
        async function* stdout() {
          let first = true;
          for await (const chunk of running.stdout) {
            // Tar has read little more than the pipe holds.
            if (first && command.includes("no-recursion") && streams++ === 0) {
              shell(`: >'${golden}/srv/live/a-log'; echo rotated >'${golden}/srv/live/a-log'`);
            }
            first = false;
            yield chunk;
          }
        }
        return { ...running, exit: running.exit, stdout: stdout() };
      },
    };

    const result = await captureImage({ session: shortening, store, image, clock });

    expect(streams).toBeGreaterThan(1);
    expect(result.passes).toBeGreaterThan(1);
    expect(result.warnings.filter((line) => /short read|still|could not be read/.test(line))).toEqual([]);
    expect(rsyncDifferencesOfSmall(golden, store.treePath(image), volatile)).toBe("");
    shell(`rm -r '${golden}/srv/live'`);
    await capture();
  });

  test("is brought to a version, beside what its tools cannot set", async () => {
    shell(`cd '${node}'; mkdir -p srv/gone; echo old >srv/gone/file; echo other >etc/hostname-too; mkdir usr; ln -s nowhere usr/sym
      mkdir -p dev; echo in-the-way >empty; ln -s srv sticky; mkdir -p srv/xattr/deep`);

    const result = await update();

    expect(result.notes).toEqual([
      "busybox's tar on this machine cannot set extended attributes, ACLs and capabilities: they are missing",
      "busybox's tar on this machine makes no holes: sparse files take their full size",
      "The tools of this machine set times in whole seconds: fractions are left out and not compared",
    ]);
    expect(rsyncDifferencesOfSmall(store.treePath(image), node, [...volatile, ...own])).toBe("");
    expect([...(await update()).plan.actions]).toEqual([]);
  });
});

describe.skipIf(!hasSshd)("a machine with GNU's tools of 2005", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-old-"));
  const golden = path.join(folder, "golden");
  const node = path.join(folder, "node");
  const store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  const session = oldToolsSession(path.join(folder, "bin"));
  const judge = (from: string, to: string, extra: readonly string[] = []) =>
    rsyncDifferencesOfSmall(from, to, [...volatile, ...own, "--exclude=/var/socket", ...extra]);

  beforeAll(() => {
    makeSmallTree(golden, {});
    makeSmallTree(node, { bare: true });
    shell(
      `cd '${node}'; mkdir usr empty2; ln -s nowhere usr/sym; mkdir zero; echo x >zero/file; ln -s etc sticky`,
    );
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is captured and brought to a version, beside what its tools do not know", async () => {
    const captured = await captureImage({ session, store, image, root: golden, clock });

    expect(captured.warnings).toEqual([
      "The client's GNU tar 1.15.1 cannot read extended attributes and file capabilities and POSIX ACLs: the image will not have them",
      "The client's tools show times in whole seconds: the image has them without fractions",
    ]);
    expect(judge(golden, store.treePath(image))).toBe("");
    expect(shell(`stat -c %b '${store.treePath(image)}/var/sparse'`)).toMatch(/^\d{1,3}\n$/);

    const updated = await updateNode({
      session,
      store,
      image,
      root: node,
      clock,
      options: { noBootloader: true },
    });

    expect(updated.notes).toEqual([
      "tar 1.15.1 on this machine cannot set extended attributes, ACLs and capabilities: they are missing",
      "The tools of this machine set times in whole seconds: fractions are left out and not compared",
      "The tools of this machine set no times of symbolic links: they are not compared",
    ]);
    expect(judge(store.treePath(image), node, ["--omit-link-times"])).toBe("");
    expect(shell(`stat -c %b '${node}/var/sparse'`)).toMatch(/^\d{1,3}\n$/);
    const again = await updateNode({ session, store, image, root: node, clock, options: { dryRun: true } });
    expect([...again.plan.actions]).toEqual([]);
  });
});
