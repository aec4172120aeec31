/**
 * A UEFI machine whose firmware does not find the way to its disk: it has no boot entry for it, and the disk no loader at the fallback path.
 * With `--local-boot grub` it is started all the same.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import { fetchSignedLoaders } from "./signed-loaders.ts";

let lab: Lab;
let node: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  node = await lab.machine({
    name: "local1",
    firmware: "uefi",
    disks: [{ bus: "virtio", from: makeDisk(lab.folder("disk")) }],
    nics: [{ pxe: "firmware" }],
    memoryMiB: 512,
  });
  fetchSignedLoaders(lab);
  await lab.startDaemon();
  await lab.ingot("node", "add", "local1", "--mac", node.mac, "--ip", node.address);
});

afterAll(async () => {
  await lab.close();
});

/** An EFI system partition that holds nothing but a distribution's loader: here a GRUB that says so and stops. */
function makeDisk(folder: string): string {
  const disk = join(folder, "disk.raw");
  const run = (argv: readonly [string, ...string[]], input = ""): void => {
    const [program, ...words] = argv;
    execFileSync(program, words, { cwd: folder, input, env: { ...process.env, MTOOLS_SKIP_CHECK: "1" } });
  };
  writeFileSync(join(folder, "say.cfg"), "echo DISK-OK\nsleep 600\n");
  const modules = ["normal", "echo", "sleep"];
  run(["grub-mkimage", "-O", "x86_64-efi", "-p", "/", "-c", "say.cfg", "-o", "loader.efi", ...modules]);
  run(["truncate", "--size", "64M", disk]);
  run(["sfdisk", "--quiet", disk], "label: gpt\nstart=1MiB, size=60MiB, type=U\n");
  run(["mformat", "-i", `${disk}@@1M`, "-F", "-T", String((60 << 20) / 512), "-h", "16", "-s", "63", "::"]);
  run(["mmd", "-i", `${disk}@@1M`, "::EFI", "::EFI/debian"]);
  run(["mcopy", "-i", `${disk}@@1M`, "loader.efi", "::EFI/debian/shimx64.efi"]);
  return disk;
}

describe("a machine whose firmware finds no way to its disk", () => {
  it("is not started by an exit to the firmware", async () => {
    await node.start();

    await node.waitForSerial(/Ingot: local disk:[\s\S]*failed to start Boot/, { timeoutMs: 600_000 });

    expect(node.serial()).not.toContain("DISK-OK");
    await node.stop();
  });

  it("is started by GRUB, which finds the distribution's loader", async () => {
    await lab.ingot("node", "set", "local1", "--local-boot", "grub");

    await node.start();

    await node.waitForSerial(/DISK-OK/, { timeoutMs: 900_000 });
    expect(readFileSync(join(lab.place.folder, "ingot.log"), "utf8")).toMatch(
      /Boot configuration .*loader=grub kind=local-disk/,
    );
  });
});
