/**
 * An ARM server that nobody knows, emulated: its own UEFI PXE stack fetches the GRUB that came with the arm64 flavor, that its kernel and
 * ramdisk, and the ramdisk reports itself. The server is a PC, as it may be.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlavorList } from "../../../server/api/schema/flavor.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { startAndReport, startDiscoveringDaemon } from "./discovering-daemon.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  node = await lab.machine({
    name: "arm1",
    firmware: "uefi",
    processor: "arm64",
    disks: [{ bus: "virtio", size: "1G" }],
  });
  await lab.buildFlavor({}, "--arch", "arm64");
  await startDiscoveringDaemon(lab, { console: "ttyAMA0" });
});

afterAll(async () => {
  await lab.close();
});

describe("an ARM server", () => {
  it("comes to the running ramdisk of its own flavor", async () => {
    const { stdout } = await lab.ingot("flavor", "list", "--json");
    expect(FlavorList.parse(JSON.parse(stdout)).flavors).toMatchObject([
      { name: "standard-arm64", machine: "aarch64" },
    ]);

    const machine = await startAndReport(lab, node);
    expect(machine.mac).toBe(node.macs[0]);
    expect(machine.hardware).toMatchObject({ firmware: "uefi", machine: "aarch64" });
    expect(machine.hardware?.disks.map(({ name, size }) => [name, size])).toEqual([["vda", 2 ** 30]]);
    expect(machine.hardware?.nics).toMatchObject([{ mac: node.macs[0], driver: "virtio_net" }]);
    expect(readFileSync(join(lab.place.folder, "ingot.log"), "utf8")).toMatch(
      /Boot configuration .*loader=grub kind=discover/,
    );
  });
});
