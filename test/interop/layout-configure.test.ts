/** What makes the copy a machine of its own, on a real Debian tree: written by the master script and configured in a chroot. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderScript } from "../../autoinstall/install/render.ts";
import { repairLayout } from "../../autoinstall/layout/repair.ts";
import { fixtureLayout, planOf } from "../autoinstall/layout-fixture.ts";
import { cacheFolder, goldenKernelFile } from "../lab/golden.ts";
import { run } from "../lab/run.ts";
import { makeMachine, type TestMachine } from "./layout-machine.ts";

const oldRoot = "0f3c1d66-6a4e-4d0e-9a3b-0a1b2c3d4e5f";

/** What a golden client has that two machines must not share, and what names its filesystems. */
const goldenFiles: Readonly<Record<string, string>> = {
  "etc/hostname": "golden\n",
  "etc/hosts":
    "127.0.0.1\tlocalhost\n127.0.1.1\tgolden.example.com golden\n::1\tlocalhost ip6-localhost\n10.0.0.9\tgolden filer\n",
  "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
  "etc/ssh/ssh_host_rsa_key": "the golden client's\n",
  "etc/ssh/ssh_host_rsa_key.pub": "the golden client's\n",
  "var/lib/dhcp/dhclient.eth0.leases": "lease\n",
  "var/lib/systemd/random-seed": "seed",
  "etc/initramfs-tools/conf.d/resume": "RESUME=UUID=5d9f5a0e-1111-4222-8333-444455556666\n",
  "etc/default/grub": `GRUB_CMDLINE_LINUX="quiet resume=UUID=5d9f5a0e-1111-4222-8333-444455556666 root=UUID=${oldRoot}"\n`,
  "etc/netplan/50-cloud-init.yaml":
    'network:\n  ethernets:\n    enp1s0:\n      match:\n        macaddress: "52:54:00:12:34:56"\n      set-name: enp1s0\n',
  "boot/loader/entries/0123456789abcdef0123456789abcdef-6.1.0.conf": "title golden\n",
  "etc/multipath/wwids": "/3600508b400105e21/\n",
  "etc/crypttab": "# kept\ndata /dev/sdb1 /etc/key luks\nswap0 /dev/vda3 /dev/urandom swap\n",
  "boot/grub/device.map": "(hd0) /dev/disk/by-id/old\n",
};

let made: TestMachine;
let result: { readonly code: number };

function target(file: string): string {
  return path.join(made.target, file);
}

function text(file: string): string {
  return readFileSync(target(file), "utf8");
}

function layout() {
  const { layout: read } = repairLayout(fixtureLayout("vda"));
  // The same disk, with a root that is mounted by UUID: the image's boot files name it.
  const lines = read.lines.map((line) =>
    line.kind === "entry" && line.mountPoint === "/" ? { ...line, mountDevice: `UUID=${oldRoot}` } : line,
  );
  return { ...read, lines };
}

beforeAll(async () => {
  made = await makeMachine(13_000);
  const scratch = mkdtempSync("/var/tmp/ingot-tree-");
  const tree = path.join(scratch, "tree");
  mkdirSync(tree);
  // Makes the base archive where it is not in the cache yet.
  await goldenKernelFile({ scratch, report: () => undefined, signal: AbortSignal.timeout(600_000) });
  const base = readdirSync(cacheFolder()).find((name) => /^base-.*\.tar$/.test(name)) ?? "";
  await run(["tar", "--extract", `--file=${path.join(cacheFolder(), base)}`, `--directory=${tree}`]);
  for (const [file, content] of Object.entries(goldenFiles)) {
    rmSync(path.join(tree, file), { force: true });
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), content);
  }
  // A link that leads out of the tree: nothing may be written through it.
  rmSync(path.join(tree, "etc/mailname"), { force: true });
  writeFileSync(path.join(made.folder, "outside"), "untouched\n");
  rmSync(path.join(tree, "etc/fstab"), { force: true });
  symlinkSync(path.join(made.folder, "outside"), path.join(tree, "etc/fstab"));
  const pack = 'cd "$1" && tar --create --xattrs --format=posix . | zstd -q -1 >"$2"';
  const lay = `mkdir -p "$1/over/etc/ssh" "$1/over/srv" && cd "$1/over" && echo laid >etc/motd && echo laid >etc/ssh/ssh_host_laid_key &&
    ln -s elsewhere srv/taken && tar --create --format=posix . >"$2.tree" && tar --create --format=posix etc/ssh/ssh_host_laid_key >"$2.identity" &&
    printf './srv/taken\\0' >"$2.clear" && printf 'all@4,node01@2' >"$2" && mkdir -p "$1/tree/srv/taken" && echo in >"$1/tree/srv/taken/in"`;
  await run(["sh", "-c", lay, "sh", scratch, path.join(made.folder, "overrides")]);
  await run(["sh", "-c", pack, "sh", tree, path.join(made.folder, "tree")]);
  rmSync(scratch, { recursive: true });
  const plan = planOf(layout());
  if (!plan.ok) {
    throw new Error("not planned");
  }
  result = await made.runScript(renderScript(plan.value.steps, { node: "node01", image: "web@3" }), {
    INGOT_STOP_BEFORE: "initramfs",
    INGOT_MAC: "52:54:00:aa:bb:cc",
  });
});

afterAll(async () => {
  await made.remove();
});

async function uuid(number: number): Promise<string> {
  return (await run(["blkid", "-p", "-s", "UUID", "-o", "value", `${made.disk}p${number}`])).stdout.trim();
}

describe("a configured tree", () => {
  test("comes out of the script without a failure", () => {
    expect(made.failures()).toBe("");
    expect(result.code).toBe(0);
  });

  test("has the node's overrides, which the server's comparison is told of, and their host key after all others went", () => {
    expect(text("etc/motd")).toBe("laid\n");
    expect(readlinkSync(target("srv/taken"))).toBe("elsewhere");
    expect(text("etc/ssh/ssh_host_laid_key")).toBe("laid\n");
    expect(readFileSync(path.join(made.folder, "posts"), "utf8")).toMatch(
      /verify\?listing=\d+&over=all@4,node01@2/,
    );
  });

  test("has the golden client's fstab with fresh UUIDs, and the link that stood there is gone", async () => {
    const lines = text("etc/fstab").split("\n");

    expect(lines).toContain(`UUID=${await uuid(2)} / ext3 defaults 1 1`);
    expect(lines).toContain(`UUID=${await uuid(1)} /boot ext3 defaults 1 2`);
    expect(lines).toContain(`UUID=${await uuid(3)} swap swap defaults 0 0`);
    expect(lines).toContain("tmpfs /dev/shm tmpfs defaults 0 0");
    expect(readFileSync(path.join(made.folder, "outside"), "utf8")).toBe("untouched\n");
  });

  test("has its own name, and keeps what /etc/hosts says of other machines", () => {
    expect(text("etc/hostname")).toBe("node01\n");
    expect(text("etc/hosts")).toBe(
      "127.0.0.1\tlocalhost\n127.0.1.1\tnode01.example.org\tnode01\n::1\tlocalhost ip6-localhost\n10.0.0.9\tgolden filer\n",
    );
  });

  test("has fresh SSH host keys of every kind", () => {
    const keys = readdirSync(target("etc/ssh")).filter((name) => /^ssh_host_.*_key$/.test(name));

    const made = ["ssh_host_ecdsa_key", "ssh_host_ed25519_key", "ssh_host_rsa_key"];
    expect(keys.filter((name) => name !== "ssh_host_laid_key").sort()).toEqual(made);
    expect(text("etc/ssh/ssh_host_rsa_key")).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
  });

  test("has a machine-id of its own, and no lease and seed of the golden client", () => {
    expect(text("etc/machine-id")).toMatch(/^[0-9a-f]{32}\n$/);
    expect(text("etc/machine-id")).not.toBe(goldenFiles["etc/machine-id"]);
    for (const gone of [
      "var/lib/dhcp/dhclient.eth0.leases",
      "var/lib/systemd/random-seed",
      "boot/grub/device.map",
      "etc/multipath/wwids",
    ]) {
      expect(existsSync(target(gone)), gone).toBe(false);
    }
  });

  test("resumes from its own swap area, and boots its own root", async () => {
    expect(text("etc/initramfs-tools/conf.d/resume")).toBe(`RESUME=UUID=${await uuid(3)}\n`);
    expect(text("etc/default/grub")).toBe(
      `GRUB_CMDLINE_LINUX="quiet resume=UUID=${await uuid(3)} root=UUID=${await uuid(2)}"\n`,
    );
  });

  test("goes by its own card's address, and its boot entries by its own machine-id", () => {
    const id = text("etc/machine-id").trim();

    expect(text("etc/netplan/50-cloud-init.yaml")).toContain('macaddress: "52:54:00:aa:bb:cc"');
    expect(readdirSync(target("boot/loader/entries"))).toEqual([`${id}-6.1.0.conf`]);
  });

  test("leaves no line in crypttab for what was not made", () => {
    expect(text("etc/crypttab")).toBe(
      "# kept\n# Not on this machine: data /dev/sdb1 /etc/key luks\n# Not on this machine: swap0 /dev/vda3 /dev/urandom swap\n",
    );
  });

  test("lets the image's programs see /proc, /sys and /dev", () => {
    for (const seen of ["proc/self", "sys/class", "dev/null"]) {
      expect(existsSync(target(seen)), seen).toBe(true);
    }
    expect(readlinkSync(target("proc/self"))).toMatch(/^\d+$/);
  });
});
