import { formatByteSize } from "../../../base/quantity.ts";
import type { Hardware } from "../../api/schema/discovery.ts";

/** What a machine is, in a few words: `Dell PowerEdge R640, 32 x Xeon …, 128 GB, 2 disks`. */
export function hardwareSummary(hardware: Hardware): string {
  const disks = hardware.disks.reduce((sum, disk) => sum + disk.size, 0);
  return [
    `${hardware.vendor} ${hardware.product}`.trim() || hardware.machine,
    `${hardware.cpuThreads} CPU`,
    formatByteSize(hardware.memory),
    `${hardware.disks.length} disk${hardware.disks.length === 1 ? "" : "s"} ${formatByteSize(disks)}`,
  ].join(", ");
}

/** Every part on a line of its own. */
export function hardwareLines(hardware: Hardware): readonly string[] {
  const { vendor, product, serial, cpuSockets, cpuThreads, cpuModel, firmware, secureBoot } = hardware;
  const name = `${vendor} ${product}`.trim() || hardware.machine;
  const bios = hardware.biosVersion === "" ? "" : ` ${hardware.biosVersion}`;
  return [
    `machine  ${name}${serial === "" ? "" : `, serial ${serial}`}`,
    `cpu      ${cpuSockets} x ${cpuModel === "" ? hardware.machine : cpuModel}, ${cpuThreads} threads`,
    `memory   ${formatByteSize(hardware.memory)}`,
    `boots as ${firmware}${bios}${firmware === "uefi" ? `, Secure Boot ${secureBoot ? "on" : "off"}` : ""}`,
    ...hardware.disks.map((disk) =>
      [
        `disk     ${disk.name} ${formatByteSize(disk.size)}`,
        disk.rotational ? "rotating" : "flash",
        disk.transport,
        disk.model,
        disk.serial === "" ? "" : `serial ${disk.serial}`,
      ]
        .filter((part) => part !== "")
        .join(", "),
    ),
    ...hardware.nics.map((nic) => {
      const link = nic.link ? (nic.speed === 0 ? "link" : `${nic.speed} Mbit/s`) : "no link";
      return `nic      ${[`${nic.name} ${nic.mac}`, nic.driver, link].filter((part) => part !== "").join(", ")}`;
    }),
  ];
}
