/** A machine that nobody knows: it reports itself, is adopted while it waits, and boots on by itself into what is asked for next. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { waitFor } from "../../lab/run.ts";
import { startAndReport, startDiscoveringDaemon } from "./discovering-daemon.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  node = await lab.machine({ name: "new1", disks: [{ bus: "virtio", size: "1G" }], memoryMiB: 512 });
  await lab.buildFlavor();
  await startDiscoveringDaemon(lab);
});

afterAll(async () => {
  await lab.close();
});

async function shown(): Promise<Node> {
  return Node.parse(JSON.parse((await lab.ingot("node", "show", "new1", "--json")).stdout));
}

describe("a machine that nobody knows", () => {
  it("reports its hardware and waits, without a hand on it", async () => {
    const machine = await startAndReport(lab, node);

    expect(machine.mac).toBe(node.macs[0]);
    expect(machine.hardware).toMatchObject({ vendor: "QEMU", firmware: "bios", machine: "x86_64" });
    expect(machine.hardware?.memory).toBeGreaterThan(400 * 2 ** 20);
    expect(machine.hardware?.disks.map(({ name, size }) => [name, size])).toEqual([["vda", 2 ** 30]]);
    expect(machine.hardware?.nics).toMatchObject([{ mac: node.macs[0], driver: "virtio_net", link: true }]);
    expect(machine.hostKey).toMatch(/^SHA256:/);
  });

  it("is adopted, and goes into a rescue shell when one is asked for", async () => {
    const seen = node.reboots;
    await lab.ingot("node", "adopt", node.macs[0]!, "new1", "--ip", node.address);
    await lab.ingot("deploy", "new1", "--rescue", "--append", "console=ttyS0");

    await node.waitForReboot({ seen, timeoutMs: 120_000 });
    const up = await waitFor(
      async () => {
        const { rescue } = await shown();
        return rescue?.state === "up" ? rescue : undefined;
      },
      { what: "the rescue to be up", timeoutMs: 400_000, everyMs: 1000, signal: lab.signal },
    );

    expect(up.address).toBe(node.address);
    const { stdout } = await node.ssh(
      "grep -o 'ingot.mode=[a-z]*' /proc/cmdline; hostname; blkid /dev/vda || echo blank",
    );
    expect(stdout).toBe("ingot.mode=rescue\nnew1\nblank\n");
  });

  it("is sent to its own disk the next time", async () => {
    const { boot, hardware } = await shown();

    expect(boot).toMatchObject({ kind: "local-disk" });
    expect(hardware?.disks).toHaveLength(1);
  });
});
