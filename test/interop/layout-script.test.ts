/** The master script with real programs: sfdisk, mkfs, mount, tar, zstd on a loop device; dash and shellcheck on its text. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { renderScript } from "../../autoinstall/install/render.ts";
import { decodeLayout } from "../../autoinstall/layout/decode.ts";
import { parsePartitionDevice, partitionDevice } from "../../autoinstall/layout/device-name.ts";
import { adaptToFirmware, layoutFirmware } from "../../autoinstall/layout/firmware.ts";
import { fitLayout } from "../../autoinstall/layout/fit.ts";
import {
  type DiskLayout,
  filesystemLabel,
  installedEntries,
  makeable,
} from "../../autoinstall/layout/model.ts";
import { repairLayout } from "../../autoinstall/layout/repair.ts";
import type { Firmware } from "../../images/capture/facts.ts";
import { ListingDecoder } from "../../images/sync/listing.ts";
import { fixtureLayout, fixtureNames, planOf } from "../autoinstall/layout-fixture.ts";
import { run } from "../lab/run.ts";
import { makeMachine, type TestMachine } from "./layout-machine.ts";

const installable = fixtureNames.filter((name) => planOf(repairLayout(fixtureLayout(name)).layout).ok);
/** One disk, and nothing that asks this machine's kernel for md or device mapper: the others run in the lab. */
const plainNames = installable.filter((name) => {
  const { disks, raids, lvm, crypts } = repairLayout(fixtureLayout(name)).layout;
  return disks.length === 1 && raids.length + lvm.length + crypts.length === 0;
});
const machines: TestMachine[] = [];

async function machine(diskMib: number, sectorSize?: number): Promise<TestMachine> {
  const made = await makeMachine(diskMib, sectorSize);
  machines.push(made);
  return made;
}

afterEach(async () => {
  for (const made of machines.splice(0)) {
    await made.remove();
  }
});

/** A kernel without FAT cannot mount an ESP: the phases before that are still run. */
function lastPhase(layout: DiskLayout): string {
  const kernel = readFileSync("/proc/filesystems", "utf8").split(/\s+/);
  const needed = installedEntries(layout).map(({ filesystem }) => filesystem);
  return needed.every((type) => type === "swap" || kernel.includes(type)) ? "write" : "mount";
}

function repaired(name: string): DiskLayout {
  return repairLayout(fixtureLayout(name)).layout;
}

function scriptOf(layout: DiskLayout, firmware?: Firmware): string {
  const plan = planOf(layout, firmware === undefined ? {} : { firmware });
  if (!plan.ok) {
    throw new Error(plan.error.map(({ message }) => message).join("; "));
  }
  return renderScript(plan.value.steps, { node: "node01", image: "web@3" });
}

/** These have all the functions there are, for one firmware; in the scripts of the others shellcheck reads what is their own. */
const whole: Readonly<Record<string, Firmware>> = {
  vda: "bios",
  "btrfs-subvolumes": "uefi",
  "swap-file": "bios",
  "luks-lvm-uefi": "uefi",
  "lvm-on-raid-uefi": "uefi",
};

/** Every script is checked in the whole run; in the quick one, each for the firmware that its layout has. */
const quick = Number(process.env["INGOT_RUNS"] ?? 150) < 100;

describe.each(installable)("the script for %s", (name) => {
  const stated = whole[name] ?? layoutFirmware(repaired(name));
  const firmwares = (["bios", "uefi"] as const).filter((each) => !quick || each === stated);

  test.concurrent.each(firmwares)("is accepted by dash and shellcheck for %s", async (firmware) => {
    const folder = mkdtempSync("/tmp/ingot-script-");
    const file = path.join(folder, "install.sh");
    const script = scriptOf(repaired(name), firmware);
    const own =
      script.slice(0, script.indexOf("\n\n")) + script.slice(script.indexOf("\n# --- The install ---"));
    writeFileSync(file, Buffer.from(whole[name] === firmware ? script : own, "latin1"));

    const dash = await run(["dash", "-n", file], { allowFailure: true });
    const shellcheck = await run(["shellcheck", file], { allowFailure: true });
    rmSync(folder, { recursive: true });

    expect(dash.stderr).toBe("");
    expect(shellcheck.stdout).toBe("");
  });
});

/** What sfdisk and blkid say of the machine's disk after the script partitioned and formatted it, beside what fitLayout says. */
async function madeAsPlanned(layout: DiskLayout, firmware: Firmware, stopBefore: string): Promise<void> {
  const made = await machine(30_000);
  const adapted = adaptToFirmware(layout, firmware);
  if (!adapted.ok) {
    throw new Error("not adapted");
  }
  const known = { treeBytes: 900_000_000 };
  const size = 30_000 * 1024 ** 2;
  const fitted = fitLayout(adapted.value.layout, { ...known, targets: [{ device: made.disk, size }] });
  expect(fitted.ok && fitted.value.disks).toHaveLength(1);

  const result = await made.runScript(scriptOf(layout, firmware), { INGOT_STOP_BEFORE: stopBefore });

  expect(made.failures()).toBe("");
  expect(result.code).toBe(0);
  const dump = JSON.parse((await run(["sfdisk", "--json", made.disk])).stdout) as {
    partitiontable: { partitions: { node: string; start: number; size: number }[] };
  };
  const found = dump.partitiontable.partitions.map(({ node, start, size: sectors }) => ({
    node,
    start: start / 2048,
    size: sectors / 2048,
  }));
  const planned = (fitted.ok ? (fitted.value.disks[0]?.partitions ?? []) : []).map(
    ({ number, startMib, sizeMib }) => ({
      node: partitionDevice(made.disk, number),
      start: startMib,
      size: sizeMib,
    }),
  );
  expect(found.sort(byNode)).toEqual(planned.sort(byNode));
  for (const entry of installedEntries(adapted.value.layout)) {
    const node = partitionDevice(made.disk, parsePartitionDevice(entry.device)?.number ?? 0);
    const blkid = (await run(["blkid", "--probe", "--output", "export", node])).stdout;
    expect(blkid).toContain(`TYPE=${makeable(entry.filesystem)}\n`);
    const label = filesystemLabel(entry);
    if (label !== undefined) {
      expect((await run(["blkid", "-p", "-s", "LABEL", "-o", "value", node])).stdout.trim()).toBe(label);
    }
  }
}

/** Programs of the install ramdisk that this machine may lack. */
async function lacks(layout: DiskLayout): Promise<boolean> {
  const types = installedEntries(layout).map(({ filesystem }) => makeable(filesystem));
  const found = await run(["sh", "-c", "command -v mkfs.f2fs"], { allowFailure: true });
  return types.includes("f2fs") && found.code !== 0;
}

/** In the quick run, some of them. */
const madeNames = plainNames.filter((name, index) => !quick || index % 3 === 0 || name === "vda");

describe.each(madeNames)("the script for %s", (name) => {
  test("partitions and formats a disk as fitLayout says", async (context) => {
    const layout = repaired(name);
    if (await lacks(layout)) {
      context.skip("this machine has no mkfs.f2fs");
    }
    const adapted = adaptToFirmware(layout, layoutFirmware(layout));

    await madeAsPlanned(
      layout,
      layoutFirmware(layout),
      lastPhase(adapted.ok ? adapted.value.layout : layout),
    );
  });
});

const filesystemOf = fc.record({
  filesystem: fc.constantFrom("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "swap"),
  label: fc.option(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,9}$/), { nil: undefined }),
  size: fc.integer({ min: 350, max: 2000 }),
});

/** A valid layout of one disk: root on an ext4, something else on some others, the rest to any one of them. */
const randomLayout = fc
  .record({
    label: fc.constantFrom("msdos", "gpt"),
    others: fc.array(filesystemOf, { maxLength: 6 }),
    rest: fc.nat(),
    percent: fc.boolean(),
  })
  .map(({ label, others, rest, percent }) => {
    const all = [{ filesystem: "ext4", label: undefined, size: 4000 }, ...others];
    const logical = label === "msdos" && all.length > 4;
    const number = (index: number) => (logical && index >= 3 ? index + 2 : index + 1);
    const size = (index: number, mb: number) =>
      index === rest % all.length ? "*" : percent ? (mb / 320).toFixed(3) : String(mb);
    const growsInside = number(rest % all.length) > 4;
    const parts = all.map(
      (one, index) =>
        `<part num="${number(index)}" size="${size(index, one.size)}" p_type="${number(index) > 4 && logical ? "logical" : "primary"}" flags="-"/>`,
    );
    const around = growsInside ? "*" : percent ? "40" : "9000";
    const extended = logical ? `<part num="4" size="${around}" p_type="extended" flags="-"/>` : "";
    const lines = all.map((one, index) => {
      const mount = index === 0 ? "/" : one.filesystem === "swap" ? "none" : `/srv/${index}`;
      const named = one.label === undefined ? "" : ` mount_dev="LABEL=${one.label}"`;
      return `<fsinfo line="${(index + 1) * 10}" real_dev="/dev/sda${number(index)}"${named} mp="${mount}" fs="${one.filesystem}" options="defaults"/>`;
    });
    return `<config><disk dev="/dev/sda" label_type="${label}" unit_of_measurement="${percent ? "%" : "MB"}">${parts.join("")}${extended}</disk>${lines.join("")}</config>`;
  });

/** The same ones in each run; more, and others, where that is asked for. */
const runs = Number(process.env.INGOT_RANDOM_LAYOUTS ?? (quick ? 2 : 5));
const seed = Number(process.env.INGOT_RANDOM_SEED ?? 1);
const randomTexts = fc.sample(fc.tuple(randomLayout, fc.constantFrom<Firmware>("bios", "uefi")), {
  numRuns: runs,
  seed,
});

test.each(randomTexts.map(([text, firmware], index) => ({ index, text, firmware })))(
  "layout $index at random is made as fitLayout says, under $firmware",
  async ({ text, firmware }) => {
    const { layout, repairs, remaining } = repairLayout(decodeLayout(text).layout!);
    expect([repairs, remaining], text).toEqual([[], []]);

    await madeAsPlanned(layout, firmware, "mount");
  },
);

function byNode(a: { readonly node: string }, b: { readonly node: string }): number {
  return a.node < b.node ? -1 : 1;
}

async function serve(made: TestMachine, options: { readonly cut?: number } = {}): Promise<string> {
  const tree = path.join(made.folder, "golden");
  mkdirSync(path.join(tree, "etc"), { recursive: true });
  mkdirSync(path.join(tree, "boot"));
  writeFileSync(path.join(tree, "etc/motd"), "hello\n");
  writeFileSync(path.join(tree, "boot/vmlinuz-1"), Buffer.alloc(3_000_000, 7));
  await run(["setfattr", "--name", "user.note", "--value", "kept", path.join(tree, "etc/motd")]);
  await run(["chown", "1234:5678", path.join(tree, "etc/motd")]);
  await run(["truncate", "--size=300M", path.join(tree, "etc/sparse")]);
  await run(["setcap", "cap_net_raw+ep", path.join(tree, "etc/motd")], { allowFailure: true });
  await run([
    "sh",
    "-c",
    'cd "$1" && tar --create --sparse --xattrs --xattrs-include="*" --acls --selinux --format=posix . | zstd -q >"$2"',
    "sh",
    tree,
    path.join(made.folder, "tree"),
  ]);
  if (options.cut !== undefined) {
    const file = path.join(made.folder, "tree");
    writeFileSync(file, readFileSync(file).subarray(0, options.cut));
  }
  return tree;
}

test("the tree is written with its metadata, and listing and digests are posted", async () => {
  const made = await machine(13_000);
  const tree = await serve(made);

  const result = await made.runScript(scriptOf(repaired("vda")), { INGOT_STOP_BEFORE: "configure" });

  expect(made.failures()).toBe("");
  expect(result.code).toBe(0);
  const rsync = await run([
    "rsync",
    "-naHAXi",
    "--numeric-ids",
    "--delete",
    "--checksum",
    "--exclude=lost+found",
    `${tree}/`,
    `${made.target}/`,
  ]);
  expect(rsync.stdout).toBe("");
  expect(statSync(path.join(made.target, "etc/sparse")).blocks).toBe(0);
  const length = Number(/listing=(\d+)/.exec(readFileSync(path.join(made.folder, "posts"), "utf8"))?.[1]);
  const posted = readFileSync(path.join(made.folder, "posted"));
  const decoder = new ListingDecoder();
  const entries = decoder.write(posted.subarray(0, length));
  expect(entries.ok && entries.value.map(({ entry }) => entry.path).sort()).toEqual([
    "",
    "boot",
    "boot/vmlinuz-1",
    "etc",
    "etc/motd",
    "etc/sparse",
  ]);
  const digests = posted
    .subarray(length)
    .toString("latin1")
    .split("\0")
    .filter((one) => one !== "");
  expect(digests.map((one) => one.slice(64)).sort()).toEqual([
    "  ./boot/vmlinuz-1",
    "  ./etc/motd",
    "  ./etc/sparse",
  ]);
  expect(made.reports()).toContain("verify 70");
});

test("a tree that breaks off fails the install in the write phase", async () => {
  const made = await machine(13_000);
  await serve(made, { cut: 300 });

  const result = await made.runScript(scriptOf(repaired("vda")), { INGOT_STOP_BEFORE: "configure" });

  expect(result.code).toBe(1);
  expect(made.failures()).toMatch(
    /^write The tree could not be written: fetching ended with 0, unpacking with [1-9]/,
  );
});

test("a server that finds a difference fails the install, and nothing runs after it", async () => {
  const made = await machine(13_000);
  await serve(made);
  const script = scriptOf(repaired("vda")).replace(
    "WORK=$(mktemp -d)",
    'ingot_post() { echo "etc/motd: content differs"; return 22; }\nWORK=$(mktemp -d)',
  );

  const result = await made.runScript(script);

  expect(result.code).toBe(1);
  expect(made.failures()).toBe(
    "verify What was written is not what the version holds: etc/motd: content differs\n",
  );
});

test("a disk that is too small is refused with the shortfall, and keeps every byte", async () => {
  const made = await machine(2_500);
  await run(["mkfs.ext4", "-q", made.disk]);
  // Of gigabytes of nothing, which sha256sum would take long for.
  const before = (await run(["cksum", made.disk])).stdout;

  const result = await made.runScript(scriptOf(repaired("vda")));

  expect(result.code).toBe(1);
  expect(made.failures()).toMatch(
    /^partition \/dev\/loop\d+ \(2500 MiB\) is too small: \/ needs at least 1329 MiB and would get 403 MiB; 970981376 bytes short\. Nothing was changed\n$/,
  );
  expect((await run(["cksum", made.disk])).stdout).toBe(before);
});

test("a disk in use is refused", async () => {
  const made = await machine(13_000);
  await run(["mkfs.ext4", "-q", made.disk]);
  await run(["mount", made.disk, made.target]);

  const result = await made.runScript(scriptOf(repaired("vda")));

  expect(result.code).toBe(1);
  expect(made.failures()).toContain("is in use: one of its filesystems is mounted");
});

test("a disk with somebody else's data is refused, keeps every byte, and is installed over when that is said", async () => {
  const made = await machine(13_000);
  await run(["mkfs.ext4", "-q", "-L", "theirs", made.disk]);
  const sum = async () => (await run(["sh", "-c", 'head -c 64M "$1" | sha256sum', "sh", made.disk])).stdout;
  const before = await sum();

  const refused = await made.runScript(scriptOf(repaired("vda")));

  expect(refused.code).toBe(1);
  expect(made.failures()).toMatch(
    /^partition \/dev\/loop\d+ holds data that is not Ingot's \(.*theirs ext4.*\): deploy with --wipe if it may go\. Nothing was changed\n$/,
  );
  expect(await sum()).toBe(before);

  const told = await made.runScript(scriptOf(repaired("vda")), {
    INGOT_WIPE: "yes",
    INGOT_STOP_BEFORE: "format",
  });

  expect(told.code).toBe(0);
  const dump = (await run(["sfdisk", "--dump", made.disk])).stdout;
  expect(dump).toMatch(/^label-id: 0x494e[0-9a-f]{4}$/m);
});

test("an empty table is nobody's data", async () => {
  const made = await machine(13_000);
  await run(["sfdisk", "--quiet", made.disk], { input: "label: gpt\n" });

  const result = await made.runScript(scriptOf(repaired("vda"), "uefi"), { INGOT_STOP_BEFORE: "format" });

  expect(result.code).toBe(0);
  expect((await run(["sfdisk", "--dump", made.disk])).stdout).toMatch(/^label-id: 494E474F-/m);
});

test("scripts of the site run before the disks are looked at, by number, and the first that fails ends the install", async () => {
  const made = await machine(13_000);
  const folder = path.join(made.folder, "scripts");
  mkdirSync(folder);
  const order = path.join(made.folder, "order");
  writeFileSync(
    path.join(folder, "pre-install.list"),
    "run 10all.first\nrun 20web.second\nrun 30all.never\nfile table\n",
  );
  writeFileSync(
    path.join(folder, "10all.first"),
    `#!/bin/sh\ncat table variables.txt >${order}\necho 'SITE=yes' >/tmp/pre-install_variables.txt\n`,
  );
  writeFileSync(path.join(folder, "20web.second"), `echo second >>${order}\nexit 3\n`);
  writeFileSync(path.join(folder, "30all.never"), `echo never >>${order}\n`);
  writeFileSync(path.join(folder, "table"), "beside\n");

  const result = await made.runScript(scriptOf(repaired("vda")));
  rmSync("/tmp/pre-install_variables.txt");

  expect(result.code).toBe(1);
  expect(made.failures()).toBe("partition The pre-install script 20web.second ended with code 3\n");
  expect(readFileSync(order, "utf8")).toBe("beside\nHOSTNAME=node01\nsecond\n");
});

test("a second install over the first one works", async () => {
  const made = await machine(13_000);
  const script = scriptOf(repaired("vda"));

  const first = await made.runScript(script, { INGOT_STOP_BEFORE: "write" });
  await run(["umount", "--recursive", made.target]);
  const second = await made.runScript(scriptOf(repaired("vda"), "uefi"), { INGOT_STOP_BEFORE: "mount" });

  expect([first.code, second.code]).toEqual([0, 0]);
  expect((await run(["sfdisk", "--json", made.disk])).stdout).toContain('"label": "gpt"');
});

test("a disk with sectors of 4096 bytes gets the same table", async () => {
  const made = await machine(30_000, 4096);

  const result = await made.runScript(scriptOf(repaired("debian12-gpt-uefi")), {
    INGOT_STOP_BEFORE: "mount",
  });

  expect(made.failures()).toBe("");
  expect(result.code).toBe(0);
  expect((await run(["sfdisk", "--dump", made.disk])).stdout).toMatch(/p2 : start= +131328,/);
});
