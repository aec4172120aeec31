/** Disks from elsewhere, made with stock tools, as images; and what is refused of them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkLayout } from "../../autoinstall/layout/check.ts";
import { decodeLayout } from "../../autoinstall/layout/decode.ts";
import { hasErrors } from "../../autoinstall/layout/diagnostic.ts";
import { encodeLayout } from "../../autoinstall/layout/encode.ts";
import { layoutFromFacts } from "../../autoinstall/layout/from-facts.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { exportDisk } from "../../server/workflows/image-disk.ts";
import { diskParts, makeDisk } from "./disk-maker.ts";
import { imageName } from "./store-support/image-name.ts";
import { rsyncFinds } from "./tree-copy.ts";

const clock = {
  now: () => Date.now(),
  sleep: (time: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, time);
    }),
};
let folder = "";
let store: DirectoryStore;

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/ingot-disk-");
  mkdirSync(`${folder}/state`);
  store = new DirectoryStore({ state: `${folder}/state`, clock });
  makeDisk(folder);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sh(script: string): string {
  return execFileSync("bash", ["-euc", script], {
    cwd: folder,
    encoding: "latin1",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

async function importDisk(name: string, file: string) {
  const notes: string[] = [];
  const { manifest } = await store.importImage(
    imageName(name),
    { kind: "disk", file: `${folder}/${file}` },
    {
      message: file,
      layout: (facts) => encodeLayout(layoutFromFacts(facts).layout),
      onNote: (note) => notes.push(note),
    },
  );
  return { manifest, notes, tree: store.treePath(imageName(name)) };
}

/** Neither the store, nor a mount, nor a loop device keeps anything of an import that is over. */
function expectNoTrace(name: string): void {
  expect(existsSync(store.treePath(imageName(name)))).toBe(false);
  expect(readdirSync(`${folder}/state/tmp`)).toEqual([]);
  expect(execFileSync("losetup", ["--list", "--noheadings"], { encoding: "latin1" })).not.toContain(folder);
  expect(readFileSync("/proc/self/mountinfo", "latin1")).not.toContain(folder);
}

/** What an import adds to the tree that was on the disk. */
const added = ["--exclude=/etc/systemimager", "--exclude=/boot/efi/*", "--omit-dir-times"];

describe("a disk from elsewhere", () => {
  it("becomes the tree that stock tools see on it, across its filesystems", async () => {
    const { manifest, notes, tree } = await importDisk("raw", "disk.raw");

    expect(rsyncFinds(`${folder}/again`, tree, added)).toBe("");
    expect(readFileSync(`${tree}/boot/efi/EFI/BOOT/BOOTX64.EFI`, "latin1")).toBe("loader\n");
    expect(notes).toEqual(["partition 5 (ext4) is not in the system's fstab and was left out"]);
    expect(manifest.source).toMatchObject({
      host: "elsewhere",
      os: "Debian from elsewhere",
      firmware: "uefi",
    });
    expect(execFileSync("losetup", ["--list"], { encoding: "latin1" })).not.toContain(folder);
  });

  it("becomes a layout that an install can use: its partitions, and its fstab by their devices", () => {
    const file = `${store.treePath(imageName("raw"))}/etc/systemimager/autoinstallscript.conf`;
    const { layout } = decodeLayout(readFileSync(file, "latin1"));

    expect(layout).toBeDefined();
    expect(layout === undefined || hasErrors(checkLayout(layout))).toBe(false);
    const [disk] = layout?.disks ?? [];
    expect(disk).toMatchObject({ device: "/dev/vda", label: "gpt" });
    expect(disk?.partitions.map(({ number, name }) => ({ number, name }))).toEqual(
      diskParts.map(({ number, name }) => ({ number, name })),
    );
    const mounts = layout?.lines.flatMap((line) =>
      line.kind === "entry" && line.device.startsWith("/dev/") ? [[line.device, line.mountPoint]] : [],
    );
    expect(mounts).toEqual([
      ["/dev/vda3", "/"],
      ["/dev/vda2", "/boot"],
      ["/dev/vda1", "/boot/efi"],
      ["/dev/vda4", "none"],
    ]);
  });

  it.each([
    ["qcow2", "qemu-img convert -O qcow2 disk.raw disk.qcow2"],
    ["raw.zst", "zstd -q -1 disk.raw"],
    ["qcow2.zst", "zstd -q -1 disk.qcow2"],
  ])("is the same image as %s", async (suffix, make) => {
    sh(make);

    const { tree } = await importDisk(`from-${suffix}`, `disk.${suffix}`);

    expect(rsyncFinds(`${folder}/again`, tree, added)).toBe("");
  });

  it("that was not unmounted is played back on a copy, and is itself not touched", async () => {
    // A journal that is not empty, as after a power cut: the filesystem is copied while it is mounted and written to.
    sh(`cp --sparse=always disk.raw live.raw
        unshare --mount sh -euc 'mkdir -p m
          mount -o loop,offset=$((41 << 20)),sizelimit=$((60 << 20)) live.raw m
          echo written >m/late && sync -f m && cp --sparse=always live.raw dirty.raw && umount m'
        e2fsck -fn "dirty.raw?offset=$((41 << 20))" 2>&1 | grep -q 'skipping journal recovery'`);
    const before = sh("sha256sum dirty.raw");

    const { notes, tree } = await importDisk("dirty", "dirty.raw");

    expect(notes[0]).toMatch(/partition 2 was not unmounted cleanly/);
    expect(readFileSync(`${tree}/boot/late`, "latin1")).toBe("written\n");
    expect(sh("sha256sum dirty.raw")).toBe(before);
  });
});

describe("a version written to a disk", () => {
  it("is refused with the shortfall where the disk is too small, and leaves nothing behind", async () => {
    const written = exportDisk(
      store,
      {
        version: { image: imageName("raw") },
        file: `${folder}/small.raw`,
        format: "raw",
        bytes: 100 * 1024 ** 2,
        replace: false,
      },
      { onProgress: () => undefined, signal: AbortSignal.timeout(60_000) },
    );

    await expect(written).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(/too small: .* needs at least \d+ MiB and would get \d+ MiB/),
    });
    expect(readdirSync(folder).filter((name) => name.startsWith("small"))).toEqual([]);
    expectNoTrace("none");
  });
});

describe("what is refused of disks", () => {
  let count = 0;

  it.each([
    ["a raw disk that was cut", "head -c 300000256 disk.raw >bad", /cut short at byte 300000256/],
    [
      "a disk that lost only its end",
      "head -c $((478 << 20)) disk.raw >bad",
      /cut short at byte \d+: its partition table/,
    ],
    ["a qcow2 that was cut", "head -c 3000000 disk.qcow2 >bad", /cut short at byte 3000000/],
    [
      "a compressed disk that was cut",
      "head -c $(($(stat -c %s disk.raw.zst) - 5000)) disk.raw.zst >bad",
      /cut short, byte \d+/,
    ],
    [
      "a damaged filesystem, named with its byte",
      "cp --sparse=always disk.raw bad && dd if=/dev/urandom of=bad bs=1K seek=$((41 * 1024 + 2)) count=300 conv=notrunc",
      /from byte 42991616\) is damaged/,
    ],
    [
      "a qcow2 that names another file",
      "qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 bad",
      /backing file/,
    ],
    [
      "a qcow2 whose data lie in another file",
      "qemu-img create -q -f qcow2 -o data_file=other.raw bad 10M",
      /data lie in another file/,
    ],
    ["no disk at all", "head -c 5000000 /dev/urandom >bad", /no disk|cut short|holds no Linux system/],
    ["a disk without a system", "truncate -s 20M bad && mkfs.ext4 -q bad", /holds no Linux system/],
  ])("%s", async (_what, make, message) => {
    sh(`rm -f bad; ${make}`);

    count += 1;
    const name = `bad${count}`;

    await expect(importDisk(name, "bad")).rejects.toMatchObject({ message: expect.stringMatching(message) });

    expectNoTrace(name);
  });

  it("a disk whose system lies in LVM, RAID or an encrypted volume, with which partition it is", async () => {
    sh(`cp --sparse=always disk.raw bad
        dd if=/dev/zero of=bad bs=1M seek=457 count=1 conv=notrunc
        printf 'LUKS\\272\\276\\000\\001' | dd of=bad bs=1M seek=457 conv=notrunc`);

    await expect(importDisk("bad", "bad")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(/partition 5 is part of an encrypted volume/),
    });
  });
});
