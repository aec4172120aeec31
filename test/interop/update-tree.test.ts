import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captureImage } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { type ShellAsset, shellAsset } from "../../images/shell-asset.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { parseRule } from "../../images/sync/filter-rules.ts";
import { planFromListing, pullListCommand } from "../../images/update/pull.ts";
import { bundleStream, updateNode } from "../../images/update/run.ts";
import { makeClientTree, rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd, memoryHostKeys, startSshd, type TestSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;
const own = [
  "/srv/keep",
  "/etc/systemimager/IMAGE_LAST_SYNCED_TO",
  "/etc/systemimager/updateclient.local.exclude",
];

async function* chunks(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    yield Buffer.from(text, "latin1");
  }
}

describe.skipIf(!hasSshd)("an update over SSH", () => {
  let sshd: TestSshd;
  let session: RemoteSession;
  let folder: string;
  let node: string;
  let store: DirectoryStore;

  beforeAll(async () => {
    sshd = await startSshd();
    session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect({
      host: "127.0.0.1",
      port: sshd.port,
      user: "root",
    });
    folder = mkdtempSync(path.join(tmpdir(), "ingot-update-"));
    node = path.join(folder, "node");
    const golden = path.join(folder, "golden");
    makeClientTree(golden);
    shell(`cd '${golden}'; rm -r lost+found; mkdir -p boot opt/new/deep srv; echo kernel > boot/vmlinuz; echo deep > opt/new/deep/file
      mkdir opt/was-file; echo in > opt/was-file/in; echo now-file > opt/was-directory; ln -s usr/lib opt/was-directory-too
      ln boot/vmlinuz boot/vmlinuz.old; mkdir usr/share; ln usr/lib/file-1 usr/share/file-1
      touch -d '1969-04-05 06:07:08.9' usr/lib/file-5?`);
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    await captureImage({ session, store, image, root: golden, clock });
    await resetNode();
  });

  /** A node that differs in every way from the image; /boot is a filesystem of its own. */
  async function resetNode(): Promise<void> {
    await session.run("true" as never);
    shell(`umount '${node}/boot' 2>/dev/null || true; rm -rf '${node}'; mkdir -p '${node}/boot'; mount -t ext4 -o loop '${folder}/boot.img' '${node}/boot' 2>/dev/null || {
        truncate -s 8M '${folder}/boot.img'; mkfs.ext4 -q '${folder}/boot.img'; mount -o loop '${folder}/boot.img' '${node}/boot'; }
      cp -a '${folder}/golden/.' '${node}/'; cd '${node}'
      echo old > boot/vmlinuz; echo stale > boot/stale
      echo changed > etc/motd; rm -rf opt; mkdir -p opt/was-directory/sub opt/was-directory-too; echo x > opt/was-directory/sub/x
      echo file > opt/was-file; echo extra > usr/lib/extra; mkdir -p usr/lib/extra-dir/sub; echo e > usr/lib/extra-dir/sub/e
      chmod 700 usr/lib/file-20; chown 5:6 usr/lib/file-21; touch -d 2000-01-01 usr/lib/file-22 usr/lib/file-5?; chown -h 9:9 etc/dangling; touch -h etc/link
      rm usr/bin/tool-too; cp usr/bin/tool usr/bin/tool-too; rm usr/lib/file-30; mkfifo usr/lib/file-30; rm var/lib/app/null; mknod var/lib/app/null c 1 5
      setcap -r usr/bin/ping; rm etc/hosts; echo other > etc/hosts
      mkdir -p srv/keep etc/systemimager; echo precious > srv/keep/data; printf '# ours\\n  /srv/keep\\n' > etc/systemimager/updateclient.local.exclude`);
  }

  afterAll(async () => {
    shell(`umount '${node}/boot' || true`);
    await session.close();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The trees lie in /tmp of the real machine; only /etc/hostname and the like of theirs are protected by the profiles. */
  const protectedPaths = [
    "/proc/*",
    "/sys/*",
    "/dev/*",
    "/tmp/*",
    "/var/tmp/*",
    "/var/log/*",
    "/home/*",
    "/etc/hostname",
    "/etc/hosts",
    "/boot/lost+found",
  ];
  const update = (options: object = {}) =>
    updateNode({ session, store, image, root: node, clock, options: { noBootloader: true, ...options } });
  const differences = () =>
    rsyncDifferences(store.treePath(image), node, [...own, ...protectedPaths]).filter(
      (line) => !/ (etc\/systemimager|srv)\/$/.test(line),
    );

  test("plans without changing anything", async () => {
    const before = shell(`cd '${node}'; find . -printf '%p %T@ %C@ %i\\n' | sort`);

    const result = await update({ dryRun: true });

    expect(result.applied).toBe(false);
    expect(result.plan.summary.write).toBeGreaterThan(5);
    expect(result.plan.summary.delete).toBeGreaterThan(3);
    expect(result.plan.rules.map((rule) => rule.origin)).toContain(
      "/etc/systemimager/updateclient.local.exclude:2",
    );
    expect(shell(`cd '${node}'; find . -printf '%p %T@ %C@ %i\\n' | sort`)).toBe(before);
  });

  test("makes the node what rsync cannot tell from the image, beside what is excluded", async () => {
    const result = await update();

    expect(result.applied).toBe(true);
    expect(differences()).toEqual([]);
    expect(
      shell(
        `cat '${node}/srv/keep/data'; cat '${node}/etc/systemimager/IMAGE_LAST_SYNCED_TO'; getcap '${node}/usr/bin/ping'`,
      ),
    ).toMatch(/^precious\nweb@1\n.*cap_net_raw/s);
    expect(shell(`find '${node}' -name '.ingot-staging'`)).toBe("");
  });

  test("has nothing to do the second time", async () => {
    const result = await update({ dryRun: true });

    expect([...result.plan.actions]).toEqual([]);
  });

  test("sends a file again whose attributes were changed on the node", async () => {
    shell(`sleep 1.1; setcap cap_sys_admin+ep '${node}/usr/bin/tool'`);

    const result = await update();

    expect(result.plan.summary.write).toBeGreaterThan(0);
    expect(shell(`getcap '${node}/usr/bin/tool'`)).toBe("");
  });

  test("keeps what the image does not have when deletions are off, and obeys rules", async () => {
    shell(`echo mine > '${node}/usr/lib/mine'; echo hers > '${node}/etc/motd'`);
    const rule = parseRule("/etc/motd", "--exclude");

    await update({ noDelete: true, rules: rule.ok ? [rule.value] : [] });

    expect(shell(`cat '${node}/usr/lib/mine' '${node}/etc/motd'`)).toBe("mine\nhers\n");
  });

  test("a running program goes on and its file is never absent", async () => {
    await resetNode();
    shell(`cp /bin/sleep '${node}/usr/bin/tool'`);
    const watcher = session.run(
      `end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do [ -e ${node}/usr/bin/tool ] || echo absent; done` as never,
    );
    const sleeper = session.run(`${node}/usr/bin/tool 3; echo slept $?` as never);
    await new Promise((resolve) => setTimeout(resolve, 300));

    await update();

    expect(Buffer.from((await watcher).stdout).toString()).toBe("");
    expect(Buffer.from((await sleeper).stdout).toString()).toBe("slept 0\n");
    expect(differences()).toEqual([]);
  });

  test("a node that pulls gets a plan that does the same and a bundle that carries it out", async () => {
    await resetNode();
    const push = await update({ dryRun: true });
    const lib = ["state", "receive"]
      .map((name) => shellAsset(`images/update/client/${name}.sh` as ShellAsset))
      .join("\n");
    const state = shell(`set +e\n${lib}\ningot_update_state '${node}'`);
    const command = await pullListCommand({ store, image, body: chunks([state]), options: {} });
    const listing = shell(command.replace("cd / ", `cd '${node}' `));
    const body = () => chunks([`${state.length}\n`, state, listing]);

    const plan = await planFromListing({ store, image, body: body(), options: { noBootloader: true } });
    writeFileSync(path.join(folder, "bundle"), "");
    for await (const chunk of bundleStream({ store, plan, options: { noBootloader: true } })) {
      appendFileSync(path.join(folder, "bundle"), chunk);
    }
    const said = shell(`set +e\n${lib}\n(ingot_receive '${node}') < '${folder}/bundle'`);

    // A push asks the node about what the listing does not show; a pull sends it.
    const paths = (actions: typeof plan.actions) =>
      [...actions].map((action) => (action.kind === "delete" ? action.path : action.entry.path));
    expect(paths(plan.actions)).toEqual(expect.arrayContaining(paths(push.plan.actions)));
    expect(plan.summary.delete).toBe(push.plan.summary.delete);
    expect(said).toMatch(/phase done\n$/);
    expect(differences()).toEqual([]);
  });

  test("cut off at any point, a rerun finishes", async () => {
    let hits = 0;
    for (const delay of ["0", "0.01", "0.03", "0.06", "0.1", "0.15"]) {
      await resetNode();
      // In a session of its own: the killer waits for the apply script, then a moment, then kills all of it, and nothing of another tree's.
      const killer = session.run(
        `i=0; while [ $i -lt 300 ]; do for p in $(pgrep -f 'control/apply[.]sh'); do
          if [ "$(readlink /proc/$p/cwd)" = '${node}' ]; then sleep ${delay}
            for q in $(pgrep -f 'control/apply[.]sh'); do [ "$(readlink /proc/$q/cwd)" != '${node}' ] || kill -9 $q; done; exit; fi
        done; sleep 0.01; i=$((i+1)); done` as never,
      );
      await update().catch((error: unknown) => {
        hits += 1;
        expect(error).toMatchObject({ code: "remote-failed" });
      });
      await killer;
      expect(shell(`cat '${node}/srv/keep/data'`)).toBe("precious\n");

      await update();

      expect(differences(), `after ${delay} ms`).toEqual([]);
      expect(shell(`find '${node}' -name '.ingot-staging'`)).toBe("");
    }
    expect(hits).toBeGreaterThan(2);
  });

  test("finds a filesystem that is read-only before the first rename, and leaves one alone that nothing changes on", async () => {
    await resetNode();
    shell(`mount -o remount,ro '${node}/boot'`);
    const before = shell(`cd '${node}'; find . -printf '%p %s %i\\n' | sort`);

    await expect(update()).rejects.toMatchObject({
      code: "remote-failed",
      message: expect.stringContaining("cannot write to ./boot: nothing was changed"),
    });

    expect(shell(`cd '${node}'; find . -name .ingot-staging -prune -o -printf '%p %s %i\\n' | sort`)).toBe(
      before,
    );
    const rules = ["/boot/***"].flatMap((text) => {
      const rule = parseRule(text, "--exclude");
      return rule.ok ? [rule.value] : [];
    });
    expect((await update({ rules })).applied).toBe(true);
    expect(differences().every((line) => / (\.\/)?boot\//.test(line))).toBe(true);
    shell(`mount -o remount,rw '${node}/boot'`);
    await update();
    expect(differences()).toEqual([]);
  });

  test("changes nothing when a filesystem of the node is too small", async () => {
    await resetNode();
    shell(
      `head -c 5000000 /dev/urandom > '${node}/boot/filler' || true; head -c 6000000 /dev/urandom > '${folder}/golden/boot/big'`,
    );
    await captureImage({ session, store, image, root: path.join(folder, "golden"), clock });
    const before = shell(`cd '${node}'; find . ! -name .ingot-staging -printf '%p %s\\n' | sort`);

    await expect(update()).rejects.toMatchObject({
      code: "no-space",
      message: expect.stringContaining("./boot"),
    });

    expect(shell(`cd '${node}'; find . -name .ingot-staging -prune -o -printf '%p %s\\n' | sort`)).toBe(
      before,
    );
  });
});
