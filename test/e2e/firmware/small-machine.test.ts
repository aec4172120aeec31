import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discardLog } from "../../../base/ports.ts";
import { aptSource } from "../../../netboot/flavor/apt-source.ts";
import { buildFlavor } from "../../../netboot/flavor/build.ts";
import type { FlavorInfo } from "../../../netboot/flavor/flavor.ts";
import { type Machine, machineMac, startMachine } from "../../netboot/ramdisk/machine.ts";
import { type NodeServer, startNodeServer } from "../../netboot/ramdisk/node-server.ts";

// Packages are kept between runs: the first one fetches some 100 MB.
const workDir = join(tmpdir(), "ingot-test-flavor-work");
const token = "tok-4f1d.secret";
const seconds = 1000;

let directory = "";
let flavor: FlavorInfo;
const machines: Machine[] = [];
const servers: NodeServer[] = [];

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

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ingot-test-small-machine-"));
  const source = await aptSource({ workDir, log: discardLog });
  const outDir = join(directory, "flavors");
  flavor = await buildFlavor({
    ...{ name: "standard", arch: "x86_64", outDir, workDir, source },
    clock: { now: () => Date.now() },
  });
});

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await Promise.all(servers.map((server) => server.close()));
  rmSync(directory, { recursive: true, force: true });
});

// An emulated machine is to its script in 15 s, or in minutes where others use the processors too.
describe("a machine with 512 MB that boots the flavor", { timeout: 1800 * seconds }, () => {
  test("runs its script, reports, sends its log and reboots", async () => {
    const disk = join(directory, "disk.raw");
    writeFileSync(disk, "");
    truncateSync(disk, 2 * 1024 ** 3);
    const script = readFileSync(join(import.meta.dirname, "../../netboot/ramdisk/exercise.sh"), "utf8");
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
