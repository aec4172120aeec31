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
  it("goes in as an image", async () => {
    await lab.ingot("image", "import", "web", "--disk", join(folder, "vm.raw.zst"));
    expect((await lab.ingot("image", "verify", "web")).stdout).toContain("all as committed");
  });

  it.each([
    ["bios", "raw"],
    ["uefi", "qcow2"],
    ["bios", "qcow2"],
    ["uefi", "raw"],
  ] as const)("comes out as a disk that boots under %s, as %s", async (firmware, format) => {
    const name = `moved-${firmware}-${format}`;
    const out = join(folder, `${name}.${format}`);
    const words = ["--size", "4G", "--firmware", firmware, "--hostname", name];
    await lab.ingot("image", "export", "web", "--disk", out, ...words);
    const info = (await run(["qemu-img", "info", "--output=json", out])).stdout;
    expect(JSON.parse(info)).toMatchObject({ format, "virtual-size": 4 * 1024 ** 3 });
    // Sparse: it takes what the tree does, not its size.
    expect((JSON.parse(info) as { "actual-size": number })["actual-size"]).toBeLessThan(2.5 * 1024 ** 3);
    const machine = await lab.machine({
      name,
      firmware,
      boot: "disk",
      disks: [{ bus: "virtio", from: format === "raw" ? out : await rawOf(out) }],
    });
    await lab.ingot("node", "add", name, "--mac", machine.mac, "--ip", machine.address);

    await machine.start();
    await machine.waitForSsh(900_000);

    const { stdout } = await machine.ssh(
      `hostname; test -d /sys/firmware/efi && echo uefi || echo bios; lsblk -bdno SIZE /dev/vda; cat /etc/systemimager/IMAGE_LAST_SYNCED_TO
       findmnt -no SOURCE / | sed 's/[0-9]*$//'; systemctl is-system-running --wait || systemctl --failed --no-legend; df --output=size -BM / | tail -n 1`,
    );
    const lines = stdout.trim().split("\n");
    expect(lines.slice(0, 6)).toEqual([
      name,
      firmware,
      String(4 * 1024 ** 3),
      "web@1",
      "/dev/vda",
      "running",
    ]);
    // MiB of / by df: the golden client has 2.5 GiB, and an ESP takes half a GiB of the rest.
    expect(Number.parseInt(lines[6] ?? "", 10)).toBeGreaterThan(2700);
    await machine.stop();
    expect((await run(["losetup", "--list", "--noheadings"])).stdout).not.toContain(folder);
  });
});

/** The lab's machines write to copies of raw disks. */
async function rawOf(file: string): Promise<string> {
  expect((await run(["qemu-img", "check", "-f", "qcow2", file])).stdout).toContain("No errors");
  await run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, `${file}.raw`]);
  return `${file}.raw`;
}
