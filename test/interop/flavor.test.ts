import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
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
import { type Machine, machineMac, startMachine } from "../netboot/ramdisk/machine.ts";
import { type NodeServer, startNodeServer } from "../netboot/ramdisk/node-server.ts";

// Packages are kept between runs: the first one fetches some 100 MB.
const workDir = join(tmpdir(), "ingot-test-flavor-work");
const token = "tok-4f1d.secret";
const seconds = 1000;

let directory = "";
let flavor: FlavorInfo;
const machines: Machine[] = [];
const servers: NodeServer[] = [];

async function build(name: string, systemKernel?: SystemKernel): Promise<FlavorInfo> {
  const source = await aptSource({ workDir, log: discardLog });
  const outDir = join(directory, "flavors");
  const fixed = { name, arch: "x86_64", outDir, workDir, source, clock: { now: () => Date.now() } } as const;
  return buildFlavor(systemKernel === undefined ? fixed : { ...fixed, systemKernel });
}

async function serve(
  options: Omit<Parameters<typeof startNodeServer>[0], "directory" | "token">,
): Promise<NodeServer> {
  const server = await startNodeServer({
    directory: mkdtempSync(join(directory, "server-")),
    token,
    ...options,
  });
  servers.push(server);
  return server;
}

function boot(options: {
  readonly server: NodeServer;
  readonly pin?: string;
  readonly disk?: string;
  readonly sshPort?: number;
}): Machine {
  const { server, pin = server.pin, ...rest } = options;
  const words = [
    `ingot.server=https://10.0.2.2:${server.port}`,
    `ingot.pin=${pin}`,
    `ingot.token=${token}`,
    `ingot.mac=${machineMac.toUpperCase()}`,
  ];
  const machine = startMachine({
    ...{ kernel: flavor.kernelPath, initrd: flavor.initrdPath, memory: 512, words },
    ...rest,
  });
  machines.push(machine);
  return machine;
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

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ingot-test-flavor-"));
  const start = Date.now();
  flavor = await build("standard");
  console.log(`built in ${(Date.now() - start) / 1000} s: ${JSON.stringify(flavor.sizes)}`);
});

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await Promise.all(servers.map((server) => server.close()));
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

// An emulated machine is to its script in 15 s, or in minutes where others use the processors too.
describe("a machine with 512 MB that boots the flavor", { timeout: 1800 * seconds }, () => {
  test("runs its script, reports, sends its log and reboots", async () => {
    const disk = join(directory, "disk.raw");
    writeFileSync(disk, "");
    truncateSync(disk, 2 * 1024 ** 3);
    const script = readFileSync(join(import.meta.dirname, "../netboot/ramdisk/exercise.sh"), "utf8");
    const server = await serve({ script, busy: 2, files: { "/node/tree": Buffer.from("some content\n") } });
    const start = Date.now();

    const machine = boot({ server, disk });

    await server.waitFor(/GET \/node\/script/, 800 * seconds);
    console.log(`from power-on to the script in ${(Date.now() - start) / 1000} s`);
    await machine.ended;
    const said = `${machine.console()}\n${server.requests.join("\n")}`;
    expect(server.requests.at(-1), said).toBe("POST /node/done");
    expect(server.requests[0]).toMatch(
      /^POST \/node\/report \{"phase":"boot","percent":0,"message":"6\..*10\.0\.2\.15"\}$/,
    );
    expect(server.requests).toContain(
      'POST /node/report {"phase":"format","percent":40,"message":"all kinds of \\"file systems\\"","bytes":123}',
    );
    expect(server.log()).toContain("exercise: all of it works");
    expect(server.log()).not.toContain(token);
    expect(machine.console()).toContain("exercise: all of it works");
    expect(server.refused()).toBe(0);
  });

  test("tells about a script that fails, and stays up for a look over SSH", async () => {
    const key = join(directory, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const script =
      ". /lib/ingot/node.sh\nset -e\ningot_report format 20 going\necho mkfs: no space >&2\nexit 3\n";
    const server = await serve({ script, authorizedKeys: readFileSync(`${key}.pub`, "utf8") });
    const sshPort = await freePort();

    const machine = boot({ server, sshPort });

    const failed = await server.waitFor(/POST \/node\/failed/, 800 * seconds);
    expect(failed).toBe(
      'POST /node/failed {"phase":"format","message":"The install script ended with code 3: mkfs: no space"}',
    );
    expect(server.log()).toMatch(/SSH is on; the host key is SHA256:/);
    expect(server.log()).toContain("mkfs: no space");
    await machine.waitForConsole(/This machine waits for somebody to look/, 100 * seconds);
    const checks = [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "BatchMode=yes",
    ];
    const said = execFileSync("ssh", [
      ...["-i", key, "-p", String(sshPort), ...checks.flatMap((option) => ["-o", option]), "root@127.0.0.1"],
      "tail -n 3 /run/ingot/log; ps",
    ]).toString();
    expect(said).toContain("The install failed");
    expect(said).not.toContain(token);
    expect(server.requests).not.toContain("POST /node/done");
    await machine.stop();
  });

  test("gives its token to no server with another key", async () => {
    const server = await serve({ script: "exit 0\n" });
    const pin = `sha256//${Buffer.alloc(32, 7).toString("base64")}`;

    const machine = boot({ server, pin });

    await machine.waitForConsole(/This machine waits for somebody to look/, 800 * seconds);
    expect(machine.console()).toContain("has another key than the one this machine was told to trust");
    expect(server.requests).toEqual([]);
    expect(server.refused()).toBe(0);
    await machine.stop();
  });
});
