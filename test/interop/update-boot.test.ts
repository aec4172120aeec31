/** What an update makes anew for booting, on a real Debian tree with its own kernel, initramfs-tools and GRUB. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { updateNode } from "../../images/update/run.ts";
import { chrootSession } from "./chroot-session.ts";
import { shell } from "./client-tree.ts";
import { debianTar, inChroot, unpackTree } from "./debian-tree.ts";
import { hasSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("boot");

describe.skipIf(!hasSshd)("boot files after an update", () => {
  let folder: string;
  let node: string;
  let store: DirectoryStore;
  let tar: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-boot-"));
    node = path.join(folder, "node");
    tar = debianTar({
      suite: "bookworm",
      packages: ["linux-image-cloud-amd64", "initramfs-tools", "grub2-common", "mount"],
    });
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    const lock = await store.lock(image, { holder: "test" });
    const tree = await store.prepareTree(lock);
    unpackTree(tar, tree);
    // grub-mkconfig has to find the device of the root filesystem, which a chroot in a test has none of: it is told.
    shell(`cd '${tree}'; mkdir -p etc/systemimager boot/grub; echo 'GRUB_TIMEOUT=7' >>etc/default/grub
      echo 'loop' >>etc/initramfs-tools/modules`);
    await store.commit(image, { message: "boot", lock });
    await lock.release();
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    rmSync(node, { recursive: true, force: true });
    unpackTree(tar, node);
    shell(`cd '${node}'; mkdir -p etc/systemimager boot/grub; echo 'menuentry old {}' >boot/grub/grub.cfg`);
  });

  const update = (options: object = {}) =>
    updateNode({ session: chrootSession(node), store, image, options, clock });

  /** Stands where the real program would be, writes down that it was called, and ends with a code. */
  function standIn(name: string, code: number): void {
    const file = path.join(node, "usr/local/sbin", name);
    writeFileSync(
      file,
      `#!/bin/sh\necho "${name} $*" >>/root/calls\necho '${name} has a reason'\nexit ${code}\n`,
      { mode: 0o755 },
    );
  }
  const keepStandIns = {
    rules: [
      { text: "- /usr/local/sbin/*", origin: "test" },
      { text: "- /root/calls", origin: "test" },
    ],
  };
  const calls = () =>
    existsSync(path.join(node, "root/calls")) ? readFileSync(path.join(node, "root/calls"), "utf8") : "";

  test("the real update-initramfs and update-grub make them anew from the new settings", async () => {
    const initrd = shell(`ls '${node}'/boot/initrd.img-*`).trim();
    const before = shell(`sha256sum '${initrd}'`);

    const result = await update();

    expect(result.notes).toEqual([
      "the initramfs: made anew by update-initramfs",
      "the boot menu: made anew by update-grub",
    ]);
    expect(shell(`sha256sum '${initrd}'`)).not.toBe(before);
    expect(inChroot(node, `lsinitramfs ${initrd.slice(node.length)}`).stdout).toMatch(
      /kernel\/drivers\/block\/loop\.ko/,
    );
    expect(readFileSync(path.join(node, "boot/grub/grub.cfg"), "utf8")).toMatch(
      /set timeout=7[\s\S]*vmlinuz-/,
    );
    expect((await update({ dryRun: true })).plan).toMatchObject({ actions: { length: 0 }, bootSteps: [] });
  });

  test("are left alone with --no-bootloader, and where nothing that they are made of changed", async () => {
    const menu = readFileSync(path.join(node, "boot/grub/grub.cfg"), "utf8");

    await update({ noBootloader: true });
    shell(`echo x >>'${node}/etc/motd'`);
    const result = await update();

    expect(result.notes).toEqual([]);
    expect(readFileSync(path.join(node, "boot/grub/grub.cfg"), "utf8")).toBe(menu);
  });

  // Stand-ins from here on: the real programs do not fail on demand.
  test("that cannot be made are named, the rest is in place, and the next update tries again", async () => {
    standIn("update-initramfs", 1);
    standIn("update-grub", 0);

    await expect(update(keepStandIns)).rejects.toMatchObject({
      code: "remote-failed",
      message: expect.stringMatching(
        /every file is in place.*update-initramfs failed, check the initramfs.*update-initramfs has a reason/,
      ),
    });
    expect(calls()).toBe("update-initramfs -u -k all\nupdate-grub \n");
    expect(readFileSync(path.join(node, "etc/default/grub"), "utf8")).toContain("GRUB_TIMEOUT=7");
    expect(shell(`cat '${node}/etc/systemimager/IMAGE_LAST_SYNCED_TO'`)).toBe("boot@1\n");

    const planned = await update({ ...keepStandIns, dryRun: true });
    standIn("update-initramfs", 0);
    const result = await update(keepStandIns);

    expect(planned.plan.bootSteps).toEqual(["initramfs"]);
    expect(result.notes).toEqual(["the initramfs: made anew by update-initramfs"]);
    expect(calls()).toBe("update-initramfs -u -k all\nupdate-grub \nupdate-initramfs -u -k all\n");
  });

  test("are made by dracut and grub2-mkconfig where those are", async () => {
    shell(
      `rm '${node}'/usr/sbin/update-initramfs '${node}'/usr/sbin/update-grub; mkdir '${node}/boot/grub2'`,
    );
    standIn("dracut", 0);
    standIn("grub2-mkconfig", 0);
    const rules = ["/usr/sbin/update-*", "/boot/grub2"].map((text) => ({
      text: `- ${text}`,
      origin: "test",
    }));

    await update({ rules: [...keepStandIns.rules, ...rules] });

    expect(calls()).toBe("dracut --regenerate-all --force\ngrub2-mkconfig -o /boot/grub2/grub.cfg\n");
  });
});
