/** A golden client on one plain disk becomes a node on two: /boot on a mirror, / and swap in a volume group on another. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { run } from "../../lab/run.ts";
import { addPackages } from "./image-packages.ts";

const layout = `<config>
  <disk dev="/dev/vda" label_type="gpt" unit_of_measurement="MB">
    <part num="1" size="400" p_type="primary" p_name="boot" flags="raid" />
    <part num="2" size="*" p_type="primary" p_name="system" flags="raid" />
  </disk>
  <disk dev="/dev/vdb" label_type="gpt" unit_of_measurement="MB">
    <part num="1" size="400" p_type="primary" p_name="boot" flags="raid" />
    <part num="2" size="*" p_type="primary" p_name="system" flags="raid" />
  </disk>
  <raid name="/dev/md0" raid_level="raid1" raid_devices="2" devices="/dev/vda1 /dev/vdb1" />
  <raid name="/dev/md1" raid_level="raid1" raid_devices="2" lvm_group="vg0" devices="/dev/vda2 /dev/vdb2" />
  <lvm version="2">
    <lvm_group name="vg0" phys_extent_size="4096K">
      <lv name="root" size="*" />
      <lv name="swap" size="256M" />
    </lvm_group>
  </lvm>
  <fsinfo line="10" real_dev="/dev/vg0/root" mount_dev="LABEL=root" mp="/" fs="ext4" options="errors=remount-ro" dump="0" pass="1" />
  <fsinfo line="20" real_dev="/dev/md0" mount_dev="LABEL=boot" mp="/boot" fs="ext4" options="defaults" dump="0" pass="2" />
  <fsinfo line="30" real_dev="/dev/vg0/swap" mount_dev="LABEL=swap" mp="none" fs="swap" options="sw" dump="0" pass="0" />
</config>
`;

let lab: Lab;
let golden: Machine;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  golden = await lab.golden();
  node = await lab.machine({
    name: "node1",
    disks: [
      { bus: "virtio", size: "3G" },
      { bus: "virtio", size: "3G" },
    ],
    boot: "network",
  });
  await lab.buildFlavor();
  await lab.startDaemon();
  await lab.ingot("node", "add", "golden", "--mac", golden.mac, "--ip", golden.address);
  await lab.ingot("node", "add", "node1", "--mac", node.mac, "--ip", node.address);
  await golden.start();
  await golden.waitForSsh(900_000);
});

afterAll(async () => {
  await lab.close();
});

async function said(machine: Machine, command: string): Promise<string> {
  return (await machine.ssh(command)).stdout.trimEnd();
}

describe("a layout of arrays and volume groups", () => {
  it("is given to an image that was captured from one plain disk", async () => {
    await lab.ingot("capture", "web", golden.address, "--message", "golden");
    await golden.stop();
    await addPackages(lab, "web", ["mdadm", "lvm2"]);
    writeFileSync(join(lab.state, "images/web/etc/systemimager/autoinstallscript.conf"), layout);

    await lab.ingot("image", "commit", "web", "--message", "two disks");
    const drawn = (await lab.ingot("layout", "show", "web")).stdout;

    expect(drawn).toContain("/dev/md1");
    expect(readdirSync(join(lab.state, "images/web/usr/sbin"))).toContain("mdadm");
  });

  it("is made on the node, which boots from it", async () => {
    await lab.ingot("deploy", "node1", "--image", "web");
    await node.start();
    await lab.ingot("watch", "--until-idle");

    const shown = Node.parse(JSON.parse((await lab.ingot("node", "show", "node1", "--json")).stdout));
    const log = (await lab.ingot("node", "show", "node1", "--log")).stdout;
    expect(shown.install, log.slice(-6000)).toMatchObject({ state: "done" });
    // The ramdisk answers SSH too, with keys of its own: only the installed system has a login on the console.
    await node.waitForSerial(/node1 login:/, { timeoutMs: 900_000 });
    await node.waitForSsh(900_000);
  });

  it("is what the booted node says it has", async () => {
    expect(await said(node, "findmnt -no SOURCE,FSTYPE /")).toBe("/dev/mapper/vg0-root ext4");
    expect(await said(node, "findmnt -no SOURCE,FSTYPE /boot")).toBe("/dev/md0 ext4");
    expect(
      await said(node, "swapon --noheadings --show=NAME | xargs readlink -f | xargs -n1 basename"),
    ).toMatch(/^dm-/);
    expect(
      await said(node, "sed -n 's/^\\(md[01]\\) : active \\([a-z0-9]*\\) .*/\\1 \\2/p' /proc/mdstat | sort"),
    ).toBe("md0 raid1\nmd1 raid1");
    expect(await said(node, "grep -c '\\[2/2\\]' /proc/mdstat")).toBe("2");
    expect(await said(node, "grep -c ^ARRAY /etc/mdadm/mdadm.conf")).toBe("2");
    expect(await said(node, "systemctl --failed --no-legend")).toBe("");
  });

  it("boots when its first disk is gone", async () => {
    const synced = "! grep -qE 'resync|recovery' /proc/mdstat";
    await node.ssh(`for try in $(seq 300); do ${synced} && break; sleep 1; done; ${synced}`, {
      timeoutMs: 900_000,
    });
    await node.stop();
    writeFileSync(node.diskFiles[0]!, "");
    await run(["truncate", "--size", "3G", node.diskFiles[0]!]);

    await node.start();
    await node.waitForSsh(900_000);

    expect(await said(node, "grep -c '\\[2/1\\]' /proc/mdstat")).toBe("2");
  });
});
