/**
 * An ARM server whose firmware boots by HTTP, emulated: it asks DHCP as architecture 19 and fetches the GRUB that was made for the arm64
 * flavor from the URL that it is told; that fetches its configuration, kernel and ramdisk. No TFTP is spoken.
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
    name: "armhttp1",
    firmware: "uefi",
    processor: "arm64",
    disks: [{ bus: "virtio", size: "1G" }],
    nics: [{ pxe: "http" }],
  });
  await lab.buildFlavor({}, "--arch", "arm64");
  await startDiscoveringDaemon(lab, { console: "ttyAMA0" });
});

afterAll(async () => {
  await lab.close();
});

describe("an ARM server whose firmware boots by HTTP", () => {
  it("comes to the running ramdisk of its own flavor without TFTP", async () => {
    const { stdout } = await lab.ingot("flavor", "list", "--json");
    expect(FlavorList.parse(JSON.parse(stdout)).flavors[0]?.loaders).toContain("grubhttpaa64.efi");

    const machine = await startAndReport(lab, node);
    expect(machine.mac).toBe(node.macs[0]);
    expect(machine.hardware).toMatchObject({ firmware: "uefi", machine: "aarch64" });
    expect(machine.hardware?.disks.map(({ name, size }) => [name, size])).toEqual([["vda", 2 ** 30]]);
    const log = readFileSync(join(lab.place.folder, "ingot.log"), "utf8");
    expect(log).toMatch(/Boot configuration .*loader=grub kind=discover/);
    expect(log).not.toMatch(/TFTP file sent/);
  });
});
