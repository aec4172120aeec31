/**
 * Checks the lab without Ingot, and measures it: the golden client is built, boots and lets root in; blank machines reach DHCP
 * and TFTP in BIOS and UEFI mode and run a loader they got from there.
 *
 *   npx tsx test/lab/self-check.ts
 */
import { copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Lab } from "./lab.ts";
import type { Machine } from "./machine.ts";
import type { Firmware } from "./machine-spec.ts";
import { waitFor } from "./run.ts";

const loaders = { bios: "undionly.kpxe", uefi: "snponly.efi" } as const;

function say(message: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${message}`);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = Date.now();
  const value = await work();
  say(`${what}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return value;
}

async function checkGolden(golden: Machine): Promise<void> {
  await golden.start();
  await timed("golden client, power-on to ssh", () => golden.waitForSsh(180_000));
  const { stdout } = await golden.ssh(
    "uname -r; lsblk -no NAME,SIZE,FSTYPE,LABEL /dev/vda; df -m / /boot; find / -xdev | wc -l; cat /etc/machine-id; systemctl --failed --no-legend; systemctl is-system-running; systemctl is-active cron ssh; getfacl -p /srv/fidelity/acl; findmnt --verify",
    { allowFailure: true },
  );
  say(`golden client says:\n${stdout}`);
  await timed("golden client, reboot to ssh", async () => {
    const seen = golden.reboots;
    await golden.ssh("systemctl reboot", { allowFailure: true });
    await golden.waitForReboot({ seen, timeoutMs: 60_000 });
    await golden.waitForSsh(180_000);
  });
  await timed("golden client, asked to power off to off", () => golden.shutDown());
}

async function checkNetboot(machine: Machine, log: () => string): Promise<void> {
  const firmware: Firmware = machine.spec.firmware ?? "bios";
  await machine.start();
  await timed(`${machine.spec.name}: power-on to DHCP request`, () =>
    waitFor(() => (log().includes(`DHCPDISCOVER(br0) ${machine.mac}`) ? true : undefined), {
      what: `a DHCP request of ${machine.spec.name}`,
      timeoutMs: 120_000,
    }),
  );
  await timed(`${machine.spec.name}: and to the loader fetched by TFTP`, () =>
    waitFor(() => (log().includes(`${loaders[firmware]} to ${machine.address}`) ? true : undefined), {
      what: `a TFTP transfer to ${machine.spec.name}`,
      timeoutMs: 120_000,
    }),
  );
  const from = machine.mark();
  await timed(`${machine.spec.name}: and to the loader running`, () =>
    machine.waitForSerial(/iPXE initialising devices/, { timeoutMs: 60_000, from }),
  );
  await machine.stop();
}

const start = Date.now();
const lab = await Lab.open({ report: say });
try {
  say(`lab ${lab.place.id}, ${lab.accelerator}, opened in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  const golden = await timed("golden disk", () => lab.golden());
  const disk = statSync(golden.diskFiles[0]!);
  say(
    `golden disk: ${Math.round(disk.size / 2 ** 20)} MiB, ${Math.round((disk.blocks * 512) / 2 ** 20)} MiB of them used`,
  );
  const blanks = [
    await lab.machine({ name: "bios1", firmware: "bios", disks: [{ bus: "virtio", size: "4G" }] }),
    await lab.machine({
      name: "bios2",
      firmware: "bios",
      disks: [{ bus: "sata", size: "4G" }],
      nics: [{ model: "e1000" }],
    }),
    await lab.machine({ name: "uefi1", firmware: "uefi", disks: [{ bus: "nvme", size: "4G" }] }),
  ];
  const tftp = lab.folder("tftp");
  for (const loader of Object.values(loaders)) {
    copyFileSync(join("/usr/lib/ipxe", loader), join(tftp, loader));
  }
  const dnsmasq = await lab.startDnsmasq({
    hosts: [golden, ...blanks].map(({ mac, address, spec }) => ({ mac, address, name: spec.name })),
    tftp: { folder: tftp, ...loaders },
  });
  for (const blank of blanks) {
    await checkNetboot(blank, dnsmasq.log);
  }
  await checkGolden(golden);
} finally {
  await timed("removing the lab", () => lab.close());
}
