/**
 * Sites that keep their own servers: machines come to the running ramdisk by what `ingot export` wrote, in the real programs. The daemon's
 * own DHCP is off; its TFTP and boot service are what the exports lead to.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Node } from "../../../server/api/schema/node.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";
import type { Firmware } from "../../lab/machine-spec.ts";
import { labNetwork } from "../../lab/network.ts";
import { waitFor } from "../../lab/run.ts";
import { fetchSignedLoaders } from "./signed-loaders.ts";
import { type SiteServer, siteAddress, startSiteServer } from "./site-server.ts";

let lab: Lab;
let config: string;
let site: SiteServer | undefined;
const machines = new Map<Firmware, Machine>();

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  await lab.buildFlavor();
  const { interface: name, serverAddress: address, cidr: subnet } = labNetwork;
  const daemon = await lab.startDaemon({
    config: { netboot: { interfaces: [{ name, mode: "off", address, subnet }] } },
  });
  config = daemon.configFile;
  for (const firmware of ["bios", "uefi"] as const) {
    const machine = await lab.machine({ name: `${firmware}1`, firmware, memoryMiB: 768 });
    machines.set(firmware, machine);
    await lab.ingot("node", "add", `${firmware}1`, "--mac", machine.mac, "--ip", machine.address);
  }
  fetchSignedLoaders(lab);
});

afterEach(async () => {
  for (const machine of machines.values()) {
    await machine.stop();
  }
  await site?.stop();
});
afterAll(async () => {
  await lab.close();
});

/** Exports into a folder of its own, and gives that. */
async function exported(format: string): Promise<string> {
  const folder = lab.folder(`site-${format}`);
  await lab.ingot("export", format, "--config", config, "--output", folder);
  return folder;
}

/** dnsmasq as a site has it, with a loader of its own in the folder that it serves. */
function dnsmasq(folder: string, bootFile: string): readonly string[] {
  const hosts = [...machines.values()].map(({ mac, address }) => `--dhcp-host=${mac},${address}`);
  return [
    ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--log-dhcp"],
    ...["--user=root", "--port=0", "--bind-interfaces", `--listen-address=${siteAddress}`, "--no-ping"],
    ...["--dhcp-range=10.77.0.0,static,255.255.255.0", ...hosts, `--dhcp-boot=${bootFile},,${siteAddress}`],
    ...[`--dhcp-leasefile=${folder}/leases`, "--pid-file=", "--enable-tftp", `--tftp-root=${folder}`],
  ];
}

/** Asks for a rescue shell, powers the machine on, and says with which loader it came where. */
async function comesUp(firmware: Firmware): Promise<string> {
  const machine = machines.get(firmware)!;
  const name = machine.spec.name;
  const logFile = join(lab.place.folder, "ingot.log");
  const before = readFileSync(logFile, "utf8").length;
  await lab.ingot("deploy", name, "--rescue", "--append", "console=ttyS0");
  await machine.start();
  const up = await waitFor(
    async () => {
      const { stdout } = await lab.ingot("node", "show", name, "--json");
      const { rescue } = Node.parse(JSON.parse(stdout));
      return rescue?.state === "up" ? rescue : undefined;
    },
    { what: "the rescue shell", timeoutMs: 1_200_000, everyMs: 1000, signal: lab.signal },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${site?.log().slice(-3000)}\n${machine.serial().slice(-3000)}`);
  });
  expect(up.address).toBe(machine.address);
  machine.forgetHostKey();
  expect((await machine.ssh("grep -o ingot.mode=[a-z]* /proc/cmdline")).stdout).toBe("ingot.mode=rescue\n");
  return readFileSync(logFile, "utf8").slice(before);
}

describe("a machine boots by what was exported", () => {
  it("for Kea: its UEFI fetches Ingot's loader, and that its script", async () => {
    const folder = await exported("kea");
    const file = join(folder, "kea-dhcp4.conf");
    // Kea keeps its leases where only its own user may write.
    writeFileSync(file, readFileSync(file, "utf8").replace('"persist": true', '"persist": false'));
    const argv = ["env", `KEA_LOCKFILE_DIR=${folder}`, `KEA_PIDFILE_DIR=${folder}`, "kea-dhcp4", "-c", file];
    site = await startSiteServer(lab, { folder, argv, ready: /DHCP4_STARTED/ });

    const log = await comesUp("uefi");

    expect(log).toMatch(/TFTP file sent .*snponly\.efi/);
    expect(log).toMatch(/Boot script .*kind=rescue/);
  });

  it("for ISC dhcpd: its UEFI fetches Ingot's loader, and that its script", async () => {
    const folder = await exported("dhcpd");
    writeFileSync(join(folder, "leases"), "");
    const files = [
      "-cf",
      "dhcpd.conf",
      "-lf",
      "leases",
      "-pf",
      "dhcpd.pid",
      "-user",
      "root",
      "-group",
      "root",
    ];
    const argv = ["/usr/sbin/dhcpd", "-4", "-d", ...files, labNetwork.interface];
    site = await startSiteServer(lab, { folder, argv, ready: /Server starting service/ });

    const log = await comesUp("uefi");

    expect(log).toMatch(/TFTP file sent .*snponly\.efi/);
    expect(log).toMatch(/Boot script .*kind=rescue/);
  });

  it("for PXELINUX: the site's own goes to Ingot for what it shall boot", async () => {
    const folder = await exported("pxelinux");
    copyFileSync("/usr/lib/PXELINUX/lpxelinux.0", join(folder, "lpxelinux.0"));
    copyFileSync("/usr/lib/syslinux/modules/bios/ldlinux.c32", join(folder, "ldlinux.c32"));
    const argv = dnsmasq(folder, "lpxelinux.0");
    site = await startSiteServer(lab, { folder, argv, ready: /DHCP, (static leases|sockets)/ });

    const log = await comesUp("bios");

    expect(site.log()).toContain("lpxelinux.0 to");
    expect(log).toMatch(/Boot configuration .*loader=pxelinux kind=rescue/);
  });

  it("for GRUB: the site's own, signed, goes to Ingot for what it shall boot", async () => {
    const folder = await exported("grub");
    mkdirSync(join(folder, "grub"), { recursive: true });
    copyFileSync(join(lab.state, "loaders", "grubnetx64.efi.signed"), join(folder, "grubx64.efi"));
    const argv = dnsmasq(folder, "grubx64.efi");
    site = await startSiteServer(lab, { folder, argv, ready: /DHCP, (static leases|sockets)/ });

    const log = await comesUp("uefi");

    expect(site.log()).toContain("grubx64.efi to");
    expect(log).toMatch(/Boot configuration .*loader=grub kind=rescue/);
  });
});
