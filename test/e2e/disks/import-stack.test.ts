/** Disks whose system lies in volume groups and arrays, made in a virtual machine by stock tools, become images: tree and layout. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkLayout } from "../../../autoinstall/layout/check.ts";
import { decodeLayout } from "../../../autoinstall/layout/decode.ts";
import { readFlavor } from "../../../netboot/flavor/flavor-folder.ts";
import { makeRichTree } from "../../interop/rich-tree.ts";
import { rsyncFinds } from "../../interop/tree-copy.ts";
import type { Daemon } from "../../lab/daemon.ts";
import { Lab } from "../../lab/lab.ts";
import { waitFor } from "../../lab/run.ts";
import { makeStackedDisk } from "./stack-maker.ts";

const fstab = `/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1
LABEL=boot /boot ext4 defaults 0 2
/dev/vg0/home /home xfs defaults 0 2
/dev/mapper/vg0-swap none swap sw 0 0
`;

/** Volumes of vg0 and the tree in them; `boot` is the device of /boot. The tar that fills them knows second names of plain files alone. */
const volumes = (boot: string) => `
lvcreate -q -Wn -n root -L 350M vg0
lvcreate -q -Wn -n swap -L 32M vg0
lvcreate -q -Wn -n home -L 320M vg0
mkfs.ext4 -q -L boot ${boot}
mkfs.ext4 -q /dev/mapper/vg0-root
mkfs.xfs -q /dev/mapper/vg0-home
mkswap /dev/mapper/vg0-swap
mount -t ext4 /dev/mapper/vg0-root /target
mkdir /target/boot /target/home
mount -t ext4 ${boot} /target/boot
mount -t xfs /dev/mapper/vg0-home /target/home
fill
ln -f /target/rich/dev/null /target/rich/dev/null-link
ln -f /target/rich/var/pipe /target/rich/var/pipe-link
umount /target/home /target/boot /target
vgchange -an vg0
`;

const lvm = `
printf 'label: dos\\nsize=100MiB, type=83, bootable\\nsize=850MiB, type=8e\\n' | sfdisk --quiet /dev/vda
sleep 2
pvcreate -q /dev/vda2
vgcreate -q vg0 /dev/vda2
${volumes("/dev/vda1")}`;

/** Both halves of a mirror on one disk, /boot on a mirror of which one half is elsewhere. */
const raid = `
printf 'label: gpt\\nsize=100MiB, type=R\\nsize=850MiB, type=R\\nsize=850MiB, type=R\\n' | sfdisk --quiet /dev/vda
sleep 2
mdadm --create /dev/md0 --run --homehost=elsewhere --metadata=1.0 --level=1 --raid-devices=2 /dev/vda1 missing
mdadm --create /dev/md1 --run --homehost=elsewhere --level=1 --raid-devices=2 --assume-clean /dev/vda2 /dev/vda3
pvcreate -q /dev/md1
vgcreate -q vg0 /dev/md1
${volumes("/dev/md0")}
mdadm --stop /dev/md1
mdadm --stop /dev/md0`;

let lab: Lab;
let folder: string;
let daemon: Daemon;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => void process.stderr.write(`${message}\n`) });
  folder = lab.folder("stacks");
  const source = join(folder, "source");
  for (const path of ["rich", "boot", "etc", "home/user", "usr/lib", "usr/bin", "lib/modules/6.1.0-test"]) {
    mkdirSync(join(source, path), { recursive: true });
  }
  makeRichTree(join(source, "rich"));
  sh(
    `printf '%s' "$1" >source/etc/fstab
     echo stacked >source/etc/hostname
     echo kernel >source/boot/vmlinuz-6.1.0-test
     head -c 3000000 /dev/urandom >source/home/user/file
     printf 'ID=debian\\nPRETTY_NAME="Debian in a stack"\\n' >source/usr/lib/os-release
     tar -C source -cf tree.tar --format=posix --xattrs --xattrs-include='*' --numeric-owner --sparse . 2>/dev/null`,
    fstab,
  );
  await lab.buildFlavor();
  const flavor = await readFlavor(join(lab.state, "flavors"), "standard");
  if (flavor === undefined) {
    throw new Error("There is no flavor");
  }
  for (const [name, script, size] of [
    ["lvm", lvm, "1G"],
    ["raid", raid, "2G"],
  ] as const) {
    const disk = join(folder, `${name}.raw`);
    sh(`truncate -s ${size} ${name}.raw`);
    await makeStackedDisk({ flavor, folder, disk, tree: join(folder, "tree.tar"), script });
  }
  daemon = await lab.startDaemon();
});

afterAll(async () => {
  await lab.close();
});

function sh(script: string, ...words: readonly string[]): string {
  return execFileSync("sh", ["-euc", script, "sh", ...words], { cwd: folder, encoding: "latin1" });
}

/** What the import adds, and the socket, which the tar that filled the disk leaves out. */
const apart = ["--exclude=/etc/systemimager", "--exclude=socket", "--omit-dir-times"];

/** Returns what the command says. */
async function importDisk(name: string, file: string): Promise<string> {
  const { stdout, stderr } = await lab.ingot("image", "import", name, "--disk", join(folder, file));
  return stdout + stderr;
}

function expectTree(name: string): void {
  expect(rsyncFinds(join(folder, "source"), join(lab.state, "images", name), apart)).toBe("");
}

function layoutOf(name: string) {
  const file = join(lab.state, "images", name, "etc/systemimager/autoinstallscript.conf");
  const { layout } = decodeLayout(readFileSync(file, "latin1"));
  if (layout === undefined) {
    throw new Error("There is no layout");
  }
  return layout;
}

/** As the layout names them. */
function mountsOf(layout: ReturnType<typeof layoutOf>): readonly (readonly string[])[] {
  return layout.lines.flatMap((line) =>
    line.kind === "entry" ? [[line.device, line.mountPoint, line.filesystem]] : [],
  );
}

describe("a disk with a volume group", () => {
  it("becomes the tree in it, and the layout it has", async () => {
    const before = sh("sha256sum lvm.raw");

    await importDisk("lvm", "lvm.raw");

    expectTree("lvm");
    expect(sh("sha256sum lvm.raw")).toBe(before);
    const layout = layoutOf("lvm");
    expect(checkLayout(layout)).toEqual([]);
    const { lvm: groups } = layout;
    expect(groups[0]?.groups[0]?.name).toBe("vg0");
    expect(groups[0]?.groups[0]?.volumes.map(({ name, size }) => `${name} ${size}`).sort()).toEqual([
      "home 327680K",
      "root 360448K",
      "swap 32768K",
    ]);
    expect(mountsOf(layout)).toEqual([
      ["/dev/vg0/root", "/", "ext4"],
      [expect.stringMatching(/^\/dev\/[sv]da1$/), "/boot", "ext4"],
      ["/dev/vg0/home", "/home", "xfs"],
      ["/dev/vg0/swap", "none", "swap"],
    ]);
  });

  it("is the same as qcow2", async () => {
    sh("qemu-img convert -O qcow2 lvm.raw lvm.qcow2");

    await importDisk("lvm-qcow2", "lvm.qcow2");

    expectTree("lvm-qcow2");
    expect(layoutOf("lvm-qcow2")).toEqual(layoutOf("lvm"));
  });

  it("whose physical volume is damaged is refused with the reason", async () => {
    sh(
      "cp --sparse=always lvm.raw bad.raw && dd if=/dev/zero of=bad.raw bs=1M seek=101 count=2 conv=notrunc 2>&1",
    );

    const failed = await lab.ingotWith(
      { allowFailure: true },
      "image",
      "import",
      "bad",
      "--disk",
      join(folder, "bad.raw"),
    );

    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/holds no Linux system/);
  });
});

/** Virtual machines that the daemon has started for disks. */
function machines(): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
      return words[0]?.includes("qemu") === true && words.some((word) => word.includes(`${lab.state}/tmp/`));
    } catch {
      return false;
    }
  });
}

describe("kill -9 of the daemon", () => {
  it.each([
    ["when the machine has just been started", 0],
    ["while the machine writes the tree to its second disk", 1000],
  ])("%s leaves no machine, and a restart clears the rest", async (_, kibibytes) => {
    const words = ["image", "import", "killed", "--disk", join(folder, "lvm.raw")];
    const client = lab.ingotWith({ allowFailure: true }, ...words);
    const options = { timeoutMs: 300_000, everyMs: 20, signal: lab.signal };
    const written = () => Number(sh(`find '${lab.state}/tmp' -name spool -printf '%k\n'`).trim() || "-1");
    const reached = () => machines().length > 0 && written() >= kibibytes;
    await waitFor(async () => (reached() ? true : undefined), { ...options, what: "the machine" });
    expect(machines().length).toBe(1);

    // The daemon alone, not what it has started.
    process.kill(daemon.pid, "SIGKILL");

    await waitFor(async () => (machines().length === 0 ? true : undefined), {
      ...options,
      timeoutMs: 5000,
      what: "the machine to be gone",
    });
    await client;
    await daemon.kill();
    daemon = await lab.startDaemon();
    await lab.ingotWith({ allowFailure: true }, "watch", "--until-idle");
    expect(readdirSync(join(lab.state, "tmp"))).toEqual([]);
    expect(readdirSync(join(lab.state, "locks"))).toEqual([]);
    expect((await lab.ingot("image", "list")).stdout).not.toContain("killed");
  });
});

describe("a disk with mirrors", () => {
  it("becomes the tree on them, and the layout, and tells which mirror lacks a half", async () => {
    const said = await importDisk("raid", "raid.raw");

    expectTree("raid");
    expect(said).toMatch(/array \/dev\/md0 \(raid1\) was read with 1 of its 2 members/);
    const layout = layoutOf("raid");
    expect(layout.raids.map(({ name, devices }) => `${name} ${devices.length}`)).toEqual([
      "/dev/md0 1",
      "/dev/md1 2",
    ]);
    expect(mountsOf(layout).map(([device, point]) => `${device} ${point}`)).toEqual([
      "/dev/vg0/root /",
      "/dev/md0 /boot",
      "/dev/vg0/home /home",
      "/dev/vg0/swap none",
    ]);
  });
});

describe("without what a virtual machine needs", () => {
  it("says that a flavor is wanted", async () => {
    await lab.ingot("flavor", "remove", "standard");

    const failed = await lab.ingotWith(
      { allowFailure: true },
      ...["image", "import", "none", "--disk", join(folder, "lvm.raw")],
    );

    expect(failed.stderr).toMatch(/holds LVM, which is read in a virtual machine: there is no flavor/);
    expect(failed.stderr).toMatch(/ingot flavor build/);
    rmSync(join(folder, "lvm.qcow2"), { force: true });
  });
});
