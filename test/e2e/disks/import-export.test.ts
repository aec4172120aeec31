/** A virtual machine's compressed disk becomes an image, and the image a disk that boots in another machine without any step more. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goldenDisk } from "../../lab/golden.ts";
import { Lab } from "../../lab/lab.ts";
import { run } from "../../lab/run.ts";

let lab: Lab;
let folder: string;

beforeAll(async () => {
  const report = (message: string) => void process.stderr.write(`${message}\n`);
  lab = await Lab.open({ report });
  folder = lab.folder("disks");
  const disk = await goldenDisk({ scratch: lab.folder("scratch"), report, signal: lab.signal });
  await run(["zstd", "-q", "-1", disk, "-o", join(folder, "vm.raw.zst")]);
  await lab.startDaemon();
});

afterAll(async () => {
  await lab.close();
});

describe("a disk from elsewhere", () => {
  it("goes in as an image and out as a disk that boots", async () => {
    const out = join(folder, "web.qcow2");
    await lab.ingot("image", "import", "web", "--disk", join(folder, "vm.raw.zst"));
    await lab.ingot("image", "export", "web", "--disk", out, "--size", "4G", "--hostname", "moved");
    expect((await run(["qemu-img", "check", "-f", "qcow2", out])).stdout).toContain("No errors");
    const raw = join(folder, "web.raw");
    await run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", out, raw]);
    const machine = await lab.machine({
      name: "moved",
      boot: "disk",
      disks: [{ bus: "virtio", from: raw }],
    });
    await lab.ingot("node", "add", "moved", "--mac", machine.mac, "--ip", machine.address);

    await machine.start();
    await machine.waitForSsh(400_000);

    const { stdout } = await machine.ssh(
      "hostname; findmnt -no SOURCE /; lsblk -bdno SIZE /dev/vda; df --output=size -BM / | tail -n 1; cat /etc/systemimager/IMAGE_LAST_SYNCED_TO",
    );
    const [hostname, root, disk, size, image] = stdout.trim().split("\n");
    expect([hostname, root, disk, image]).toEqual(["moved", "/dev/vda3", String(4 * 1024 ** 3), "web@1"]);
    expect(Number.parseInt(size ?? "", 10)).toBeGreaterThan(3000);
    expect((await run(["losetup", "--list", "--noheadings"])).stdout).not.toContain(folder);
  });
});
