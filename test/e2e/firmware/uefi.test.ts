/** A golden client with BIOS and msdos label, installed onto a UEFI machine through OVMF's own PXE stack. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  const golden = await lab.golden();
  node = await lab.machine({
    name: "uefi1",
    firmware: "uefi",
    disks: [{ bus: "virtio", size: "4G" }],
    nics: [{ pxe: "firmware" }],
  });
  await lab.buildFlavor();
  await lab.startDaemon();
  await lab.ingot("node", "add", "golden", "--mac", golden.macs[0]!, "--ip", golden.address);
  await lab.ingot("node", "add", "uefi1", "--mac", node.macs[0]!, "--ip", node.address);
  await golden.start();
  await golden.waitForSsh(900_000);
  await lab.ingot("capture", "web", golden.address);
  await golden.stop();
});

afterAll(async () => {
  await lab.close();
});

describe("a UEFI machine", () => {
  it("is installed from a BIOS machine's image and boots from its own disk", async () => {
    await lab.ingot("deploy", "uefi1", "--image", "web");
    const seen = node.reboots;

    await node.start();
    await lab.ingotWith({ allowFailure: true }, "watch", "--until-idle");

    const shown = Node.parse(JSON.parse((await lab.ingot("node", "show", "uefi1", "--json")).stdout));
    const log = (await lab.ingot("node", "show", "uefi1", "--log")).stdout;
    expect(shown.install?.state, log.slice(-4000)).toBe("done");
    expect(shown.seen?.firmware).toBe("uefi");
    await node.waitForReboot({ seen, timeoutMs: 900_000 });
    await node.waitForSsh(900_000);
    const { stdout } = await node.ssh("test -d /sys/firmware/efi && findmnt -no FSTYPE /boot/efi; hostname");
    expect(stdout).toBe("vfat\nuefi1\n");
  });
});
