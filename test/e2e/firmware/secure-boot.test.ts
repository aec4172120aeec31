/**
 * A machine with Secure Boot on, Microsoft's keys in its firmware: by the distribution's signed shim, GRUB and kernel to the running
 * ramdisk, to an installed system and into it. The loaders lie in the state folder's `loaders`, as their packages call them.
 */
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { captureGolden } from "../golden-image.ts";
import { addPackages } from "../layouts/image-packages.ts";
import { startAndReport, startDiscoveringDaemon } from "./discovering-daemon.ts";
import { fetchSignedLoaders } from "./signed-loaders.ts";

let lab: Lab;

async function secureMachine(name: string): Promise<Machine> {
  return await lab.machine({
    name,
    firmware: "uefi",
    secureBoot: true,
    disks: [{ bus: "virtio", size: "4G" }],
    nics: [{ pxe: "firmware" }],
    boot: "network",
  });
}

/** As Red Hat's packages leave an image: their loaders in the ESP, nothing to make another from. */
async function withLoadersInEsp(image: string): Promise<void> {
  const tree = join(lab.state, "images", image);
  const vendor = join(tree, "boot/efi/EFI/debian");
  mkdirSync(vendor, { recursive: true });
  cpSync(join(tree, "usr/lib/shim/shimx64.efi.signed"), join(vendor, "shimx64.efi"));
  cpSync(join(tree, "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"), join(vendor, "grubx64.efi"));
  for (const folder of ["usr/lib/shim", "usr/lib/grub/x86_64-efi", "usr/lib/grub/x86_64-efi-signed"]) {
    rmSync(join(tree, folder), { recursive: true });
  }
  await lab.ingot("image", "commit", image, "--message", "loaders in the ESP");
}

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  await lab.buildFlavor();
  fetchSignedLoaders(lab);
  await startDiscoveringDaemon(lab, { loaders: { "uefi-x64": "shimx64.efi" } });
  await captureGolden(lab, "unsigned", "cloud");
  await lab.ingot("image", "copy", "unsigned", "signed");
  await addPackages(lab, "signed", ["shim-signed", "grub-efi-amd64-signed"]);
  await lab.ingot("image", "commit", "signed", "--message", "signed loaders");
  await lab.ingot("image", "copy", "signed", "vendor");
  await withLoadersInEsp("vendor");
});

afterAll(async () => {
  await lab.close();
});

/** Deploys and waits; gives how it ended, and the node's log. */
async function install(name: string, node: Machine, image: string) {
  await lab.ingot("node", "add", name, "--mac", node.mac, "--ip", node.address);
  await lab.ingot("deploy", name, "--image", image);
  await node.start();
  await lab.ingotWith({ allowFailure: true }, "watch", "--until-idle");
  const shown = Node.parse(JSON.parse((await lab.ingot("node", "show", name, "--json")).stdout));
  return { state: shown.install?.state, log: (await lab.ingot("node", "show", name, "--log")).stdout };
}

describe("a machine with Secure Boot", () => {
  it("boots the signed way into the ramdisk, whose kernel knows that it is locked down; without signed loaders it is left alone", async () => {
    const node = await secureMachine("stranger");

    const machine = await startAndReport(lab, node);

    expect(machine.hardware).toMatchObject({ firmware: "uefi", secureBoot: true });
    expect(readFileSync(join(lab.place.folder, "ingot.log"), "utf8")).toMatch(/grubx64\.efi/);
    await node.stop();

    const { state, log } = await install("unsigned1", node, "unsigned");

    expect(state, log.slice(-3000)).toBe("failed");
    expect(log).toContain("Secure Boot is on, and the image has no signed loader");
    expect(log).not.toContain("Making filesystems");
    await node.stop();
  });

  it.each(["signed", "vendor"])("is installed from the image %s and boots it", async (image) => {
    const name = `${image}1`;
    const node = await secureMachine(name);

    const { state, log } = await install(name, node, image);
    expect(state, log.slice(-6000)).toBe("done");

    await node.waitForSerial(new RegExp(`${name} login:`), { timeoutMs: 1_800_000 });
    await node.waitForSsh(900_000);
    const variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    expect((await node.ssh(`tail -c 1 ${variable} | od -An -tu1`)).stdout.trim()).toBe("1");
    expect((await node.ssh("dmesg")).stdout).toContain("Kernel is locked down from EFI Secure Boot");
    expect((await node.ssh("cat /etc/systemimager/IMAGE_LAST_SYNCED_TO")).stdout).toContain(`${image}@`);
    // The network card was and stays the first that the firmware tries.
    expect(log).toMatch(/The firmware's boot order is [0-9A-F]{4},/);
    await node.stop();
  });
});
