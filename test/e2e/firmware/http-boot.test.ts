/**
 * UEFI HTTP boot: the firmware asks DHCP as an HTTPClient, fetches the loader from the URL that it is given, and the loader its script,
 * kernel and ramdisk. No TFTP is spoken.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { startAndReport, startDiscoveringDaemon } from "./discovering-daemon.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  node = await lab.machine({
    name: "http1",
    firmware: "uefi",
    disks: [{ bus: "virtio", size: "1G" }],
    nics: [{ pxe: "http" }],
  });
  await lab.buildFlavor();
  await startDiscoveringDaemon(lab);
});

afterAll(async () => {
  await lab.close();
});

describe("a machine whose firmware boots by HTTP", () => {
  it("comes to the running ramdisk without TFTP", async () => {
    const machine = await startAndReport(lab, node);

    expect(machine.hardware).toMatchObject({ firmware: "uefi", machine: "x86_64" });
    const log = readFileSync(join(lab.place.folder, "ingot.log"), "utf8");
    expect(log).toMatch(/Boot script .*kind=discover/);
    expect(log).not.toMatch(/TFTP file sent/);
  });
});
