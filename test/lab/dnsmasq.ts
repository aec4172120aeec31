/** dnsmasq on a lab's wire: the DHCP and TFTP of a site that has its own, and of the lab's check of itself. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inNamespace, labNetwork } from "./network.ts";
import { type LabPlace, labFolder, registerProcess } from "./registry.ts";
import { type Background, startBackground, waitFor } from "./run.ts";

export interface DnsmasqOptions {
  readonly hosts: readonly { readonly mac: string; readonly address: string; readonly name: string }[];
  /** A folder served by TFTP, and the boot file that BIOS and UEFI x64 machines are told. */
  readonly tftp?: { readonly folder: string; readonly bios: string; readonly uefi: string };
}

export interface Dnsmasq {
  readonly process: Background;
  readonly log: () => string;
}

export async function startDnsmasq(place: LabPlace, options: DnsmasqOptions): Promise<Dnsmasq> {
  const folder = labFolder(place, "dnsmasq");
  const configFile = join(folder, "dnsmasq.conf");
  const logFile = join(folder, "dnsmasq.log");
  const lines = [
    "keep-in-foreground",
    "log-facility=-",
    "log-dhcp",
    "port=0",
    "user=root",
    "no-ping",
    `interface=${labNetwork.interface}`,
    `dhcp-leasefile=${join(folder, "leases")}`,
    `dhcp-range=${labNetwork.cidr.replace(/\/.*/, "")},static`,
    ...options.hosts.map((host) => `dhcp-host=${host.mac},${host.address},${host.name}`),
    ...(options.tftp === undefined
      ? []
      : [
          "enable-tftp",
          `tftp-root=${options.tftp.folder}`,
          "dhcp-match=set:uefi,option:client-arch,7",
          "dhcp-match=set:uefi,option:client-arch,9",
          `dhcp-boot=tag:!uefi,${options.tftp.bios}`,
          `dhcp-boot=tag:uefi,${options.tftp.uefi}`,
        ]),
  ];
  writeFileSync(configFile, `${lines.join("\n")}\n`);
  const argv = [...inNamespace(place.namespace), "dnsmasq", `--conf-file=${configFile}`];
  const background = startBackground(argv, { logFile });
  registerProcess(place, background.pid);
  function log(): string {
    return existsSync(logFile) ? readFileSync(logFile, "latin1") : "";
  }
  await waitFor(
    () => {
      if (!background.running()) {
        throw new Error(`dnsmasq did not start:\n${log()}`);
      }
      return /DHCP, (static leases|sockets)/.test(log()) ? true : undefined;
    },
    { what: "dnsmasq", timeoutMs: 10_000, everyMs: 50 },
  );
  return { process: background, log };
}
