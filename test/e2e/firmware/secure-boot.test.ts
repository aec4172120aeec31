/**
 * A machine with Secure Boot on, Microsoft's keys in its firmware: by the distribution's signed shim, GRUB and kernel to the running
 * ramdisk, and back to its own disk by GRUB. The loaders lie in the state folder's `loaders`, as their packages call them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { startAndReport, startDiscoveringDaemon } from "./discovering-daemon.ts";
import { fetchSignedLoaders } from "./signed-loaders.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  node = await lab.machine({
    name: "secure1",
    firmware: "uefi",
    secureBoot: true,
    disks: [{ bus: "virtio", size: "1G" }],
    nics: [{ pxe: "firmware" }],
  });
  await lab.buildFlavor();
  fetchSignedLoaders(lab);
  await startDiscoveringDaemon(lab, { loaders: { "uefi-x64": "shimx64.efi" } });
});

afterAll(async () => {
  await lab.close();
});

describe("a machine with Secure Boot", () => {
  it("boots the signed way into the ramdisk, whose kernel knows that it is locked down", async () => {
    const machine = await startAndReport(lab, node);

    expect(machine.hardware).toMatchObject({ firmware: "uefi", secureBoot: true });
    expect(readFileSync(join(lab.place.folder, "ingot.log"), "utf8")).toMatch(/grubx64\.efi/);
  });
});
