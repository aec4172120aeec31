/**
 * One golden client on a virtio disk under BIOS becomes nodes with other disks, firmware and filesystems: a row each. A row
 * is installed over the network, boots by itself, and is asked what it has.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import type { DiskSpec, Firmware } from "../../lab/machine-spec.ts";
import { captureGolden } from "../golden-image.ts";
import { addPackages } from "./image-packages.ts";

interface Row {
  readonly name: string;
  readonly disk: DiskSpec;
  readonly firmware?: Firmware;
  /** Further words for `ingot deploy`. */
  readonly deploy?: readonly string[];
  /** Elements in place of the golden client's `<disk>` and `<fsinfo>`; without them the image's own layout is taken. */
  readonly layout?: string;
  /** The image that is installed, if not `web`, which is the golden client's under BIOS. */
  readonly image?: "drivers" | "locked" | "uefi";
  /** The node is a golden client in turn, and becomes this image. */
  readonly becomes?: "uefi";
  /** Encrypted volumes, each of which asks for {@link passphrase}. */
  readonly volumes?: number;
  /** Typed at boot. */
  readonly passphrase?: string;
  /** What `findmnt -no SOURCE,FSTYPE /` says. */
  readonly mounted: string;
  /** Further commands and what they say. */
  readonly says?: Readonly<Record<string, string>>;
}

function part(number: number, size: string, flags = "-"): string {
  return `<part num="${number}" size="${size}" p_type="primary" p_name="-" flags="${flags}" />`;
}

function disk(...parts: readonly string[]): string {
  return `<disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">${parts.join("")}</disk>`;
}

function line(device: string, mountPoint: string, filesystem: string, options = "defaults"): string {
  const number = mountPoint === "/" ? 10 : mountPoint === "/boot" ? 20 : 30;
  return `<fsinfo line="${number}" real_dev="${device}" mp="${mountPoint}" fs="${filesystem}" options="${options}" dump="0" pass="0" />`;
}

const bootAndRoot = disk(part(1, "300", "boot"), part(2, "*"));
const boot = line("/dev/vda1", "/boot", "ext4");

const rows: readonly Row[] = [
  {
    name: "an encrypted root and swap",
    image: "locked",
    disk: { bus: "virtio", size: "3G" },
    layout: [
      disk(part(1, "300", "boot"), part(2, "*"), part(3, "200")),
      '<luks name="cryptroot" device="/dev/vda2" options="luks,discard" />',
      '<luks name="cryptswap" device="/dev/vda3" />',
      line("/dev/mapper/cryptroot", "/", "ext4"),
      boot,
      line("/dev/mapper/cryptswap", "none", "swap"),
    ].join(""),
    volumes: 2,
    passphrase: "correct horse",
    mounted: "/dev/mapper/cryptroot ext4",
    says: {
      "cryptsetup luksDump /dev/vda2 | sed -n 's/^Version:[ \\t]*//p'": "2",
      "lsblk --noheadings --output TYPE $(swapon --noheadings --show=NAME)": "crypt",
    },
  },
  {
    name: "a SATA disk ten times as large, root on xfs",
    image: "drivers",
    disk: { bus: "sata", size: "30G" },
    layout: bootAndRoot + line("/dev/vda2", "/", "xfs") + boot,
    mounted: "/dev/sda2 xfs",
    says: { "df -BG --output=size / | tail -n 1 | tr -d ' '": "30G" },
  },
  {
    name: "an NVMe disk under UEFI, root on a btrfs subvolume",
    disk: { bus: "nvme", size: "3G" },
    firmware: "uefi",
    deploy: ["--disk", "serial=nvme0,transport=nvme"],
    layout: bootAndRoot + line("/dev/vda2", "/", "btrfs", "subvol=@") + boot,
    mounted: "/dev/nvme0n1p2[/@] btrfs",
    says: { "test -d /sys/firmware/efi && echo uefi": "uefi" },
  },
  {
    name: "half the disk, with sectors of 4096 bytes, under UEFI",
    disk: { bus: "virtio", size: "1536M", sector: 4096 },
    firmware: "uefi",
    layout: disk(part(1, "*")) + line("/dev/vda1", "/", "ext4"),
    becomes: "uefi",
    mounted: "/dev/vda1 ext4",
    says: { "cat /sys/block/vda/queue/logical_block_size": "4096" },
  },
  {
    name: "an image of a machine under UEFI, on a disk under BIOS",
    image: "uefi",
    disk: { bus: "virtio", size: "3G" },
    mounted: "/dev/vda1 ext4",
    says: {
      "test -d /sys/firmware/efi || echo bios": "bios",
      "cat /sys/block/vda/queue/logical_block_size": "512",
    },
  },
];

/** Rows by number, for a run of some of them: `INGOT_ROWS=0,2`. The last one needs the one before it. */
const numbers = process.env.INGOT_ROWS?.split(",").map(Number);
const chosen = rows.filter((_, index) => numbers?.includes(index) ?? true);

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  await lab.buildFlavor();
  await lab.startDaemon();
  await captureGolden(lab, "web", "cloud");
  if (chosen.some(({ image }) => image === "drivers")) {
    await captureGolden(lab, "drivers", "standard");
  }
  if (chosen.some(({ image }) => image === "locked")) {
    await lab.ingot("image", "copy", "web", "locked");
    await addPackages(lab, "locked", ["cryptsetup", "cryptsetup-initramfs"]);
    mkdirSync(join(lab.state, "luks"));
    writeFileSync(join(lab.state, "luks/locked"), "correct horse\n", { mode: 0o600 });
  }
  mkdirSync(join(lab.state, "scripts/post-install"), { recursive: true });
  const script = join(lab.state, "scripts/post-install/50all.note");
  writeFileSync(script, '. /tmp/post-install/variables.txt\necho "$IMAGENAME on $HOSTNAME" >/etc/note\n');
});

afterAll(async () => {
  await lab.close();
});

async function said(machine: Machine, command: string): Promise<string> {
  return (await machine.ssh(command)).stdout.trimEnd();
}

describe.each(chosen)("$name", (row) => {
  let node: Machine;
  const name = `row${rows.indexOf(row)}`;

  afterAll(async () => {
    await node.stop();
  });

  it("is installed", async () => {
    node = await lab.machine({
      name,
      disks: [row.disk],
      boot: "network",
      ...(row.firmware === undefined ? {} : { firmware: row.firmware }),
    });
    await lab.ingot("node", "add", name, "--mac", node.mac, "--ip", node.address);
    const image = row.image ?? "web";
    if (row.layout !== undefined) {
      const layoutFile = join(lab.state, "images", image, "etc/systemimager/autoinstallscript.conf");
      writeFileSync(layoutFile, `<config>${row.layout}</config>\n`);
      await lab.ingot("image", "commit", image, "--message", row.name);
    }

    await lab.ingot("deploy", name, "--image", image, ...(row.deploy ?? []));
    await node.start();
    await lab.ingot("watch", "--until-idle");

    const shown = Node.parse(JSON.parse((await lab.ingot("node", "show", name, "--json")).stdout));
    const log = (await lab.ingot("node", "show", name, "--log")).stdout;
    expect(shown.install, log.slice(-6000)).toMatchObject({ state: "done" });
    expect(log).not.toContain("correct horse");
  });

  it("boots by itself and is what was planned", async () => {
    if (row.passphrase !== undefined) {
      let from = 0;
      for (let count = 0; count < (row.volumes ?? 0); count++) {
        await node.waitForSerial(/unlock disk/, { timeoutMs: 1_800_000, from });
        from = node.mark();
        await node.typeLine(row.passphrase);
      }
    }
    await node.waitForSerial(new RegExp(`${name} login:`), { timeoutMs: 1_800_000 });
    await node.waitForSsh(900_000);

    expect(await said(node, "findmnt -no SOURCE,FSTYPE /")).toBe(row.mounted);
    for (const [command, answer] of Object.entries(row.says ?? {})) {
      expect(await said(node, command), command).toBe(answer);
    }
    expect(await said(node, "cat /etc/note")).toBe(`${row.image ?? "web"} on ${name}`);
    expect(await said(node, "systemctl --failed --no-legend")).toBe("");
  });

  it.runIf(row.becomes !== undefined)("is captured in turn", async () => {
    await lab.ingot("capture", row.becomes!, node.address, "--message", row.name);
  });
});
