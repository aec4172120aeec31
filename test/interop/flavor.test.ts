import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discardLog } from "../../base/ports.ts";
import { aptSource } from "../../netboot/flavor/apt-source.ts";
import { buildFlavor } from "../../netboot/flavor/build.ts";
import { decodeCpio } from "../../netboot/flavor/cpio.ts";
import type { FlavorInfo } from "../../netboot/flavor/flavor.ts";
import { listFlavors, readFlavor, removeFlavor } from "../../netboot/flavor/flavor-folder.ts";
import type { SystemKernel } from "../../netboot/flavor/kernel-files.ts";

// Packages are kept between runs: the first one fetches some 100 MB.
const workDir = join(tmpdir(), "ingot-test-flavor-work");
const seconds = 1000;

let directory = "";
let flavor: FlavorInfo;

async function build(name: string, systemKernel?: SystemKernel): Promise<FlavorInfo> {
  const source = await aptSource({ workDir, log: discardLog });
  const outDir = join(directory, "flavors");
  const fixed = { name, arch: "x86_64", outDir, workDir, source, clock: { now: () => Date.now() } } as const;
  return buildFlavor(systemKernel === undefined ? fixed : { ...fixed, systemKernel });
}

/** The kernel package unpacked, as an image of a machine that has it installed holds its files. */
function installedKernel(version: string): SystemKernel {
  const name = readdirSync(join(workDir, "packages")).find((file) =>
    file.startsWith(`linux-image-${version}_`),
  );
  const child = spawn("dpkg-deb", ["--fsys-tarfile", join(workDir, "packages", name ?? "")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { of: "web@3", version, archive: child.stdout };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ingot-test-flavor-"));
  const start = Date.now();
  flavor = await build("standard");
  console.log(`built in ${(Date.now() - start) / 1000} s: ${JSON.stringify(flavor.sizes)}`);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("buildFlavor()", () => {
  test("writes a ramdisk with what an install needs, that cpio reads as we do", () => {
    const archive = execFileSync("zstd", ["-dcq", flavor.initrdPath], { maxBuffer: 1 << 30 });
    const listed = execFileSync("cpio", ["-it", "--quiet"], { input: archive, maxBuffer: 1 << 26 });

    const decoded = decodeCpio(archive);

    const paths = decoded.ok ? decoded.value.map((entry) => entry.path) : [];
    expect(paths.join("\n")).toBe(listed.toString("latin1").trimEnd());
    const modules = `usr/lib/modules/${flavor.kernelVersion}`;
    expect(paths).toEqual(
      expect.arrayContaining([
        ...["init", "bin", "dev/console", "usr/lib/ingot/node.sh", "usr/bin/sh", "usr/bin/busybox"],
        ...[
          "usr/bin/curl",
          "usr/bin/tar",
          "usr/bin/find",
          "usr/bin/sha256sum",
          "usr/bin/zstd",
          "usr/bin/lsblk",
        ],
        ...[
          "sfdisk",
          "blkid",
          "wipefs",
          "partprobe",
          "mkfs.ext4",
          "mkfs.xfs",
          "mkfs.vfat",
          "mkfs.btrfs",
          "mkswap",
        ].map((name) => `usr/sbin/${name}`),
        ...["usr/sbin/lvm", "usr/sbin/mdadm", "usr/sbin/kexec", "usr/sbin/dropbear", "usr/bin/efibootmgr"],
        ...["modules.dep.bin", "modules.alias.bin", "kernel/drivers/nvme/host/nvme.ko"].map(
          (name) => `${modules}/${name}`,
        ),
        ...["kernel/drivers/scsi/megaraid/megaraid_sas.ko", "kernel/fs/xfs/xfs.ko"].map(
          (name) => `${modules}/${name}`,
        ),
      ]),
    );
    expect(flavor.packages.map((one) => one.name)).toContain("busybox-static");
    expect(flavor.sizes.initrd).toBeLessThan(45_000_000);
  });

  test("gives the same bytes for the same packages, under another name and with the kernel of an installed system", {
    timeout: 900 * seconds,
  }, async () => {
    const start = Date.now();

    const again = await build("again", installedKernel(flavor.kernelVersion));

    console.log(`built again in ${(Date.now() - start) / 1000} s`);
    expect(again.sha256s).toEqual(flavor.sha256s);
    expect(again.image).toBe("web@3");
    const outDir = join(directory, "flavors");
    expect((await listFlavors(outDir)).map((one) => one.name)).toEqual(["again", "standard"]);
    expect(await removeFlavor(outDir, "again")).toBe(true);
    expect(await readFlavor(outDir, "again")).toBeUndefined();
    expect(readFileSync(flavor.kernelPath).length).toBe(flavor.sizes.kernel);
  });
});
