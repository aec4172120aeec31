import { describe, expect, test } from "vitest";
import { type DiskBus, type MachinePlace, macFor, qemuArguments, qemuProgram } from "./machine-spec.ts";

const place: MachinePlace = {
  diskFiles: ["/lab/disk0.raw", "/lab/disk1.raw"],
  taps: ["tap0"],
  macs: ["52:54:00:00:00:01"],
  serialSocket: "/lab/serial.sock",
  serialLog: "/lab/serial.log",
  qmpSocket: "/lab/qmp.sock",
  accelerator: "tcg",
};

function devicesOf(args: readonly string[]): readonly string[] {
  return args.filter((_, index) => args[index - 1] === "-device");
}

describe("qemuArguments()", () => {
  test("boots from the network first, then from the disks in order", () => {
    const disks = [{ bus: "virtio", size: "4G" } as const, { bus: "virtio", size: "4G" } as const];

    const devices = devicesOf(qemuArguments({ name: "node", disks, boot: "network" }, place));

    expect(devices).toContain("virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,bootindex=1");
    expect(devices).toContain("virtio-blk-pci,drive=disk0,bootindex=2");
    expect(devices).toContain("virtio-blk-pci,drive=disk1,bootindex=3");
  });

  test("boots from the disk first when told so", () => {
    const devices = devicesOf(
      qemuArguments({ name: "node", disks: [{ bus: "virtio", size: "4G" }], boot: "disk" }, place),
    );

    expect(devices).toContain("virtio-blk-pci,drive=disk0,bootindex=1");
    expect(devices).toContain("virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,bootindex=2");
  });

  const buses: readonly [DiskBus, string][] = [
    ["virtio", "virtio-blk-pci,"],
    ["scsi", "scsi-hd,bus=scsi0.0,"],
    ["sata", "ide-hd,bus=ide.0,"],
    ["nvme", "nvme,serial=nvme0,"],
  ];
  test.each(buses)("puts a disk on the %s bus", (bus, device) => {
    const devices = devicesOf(qemuArguments({ name: "node", disks: [{ bus, size: "4G" }] }, place));

    expect(devices).toContain(`${device}drive=disk0,bootindex=2`);
  });

  test("leaves PXE to the firmware on a UEFI machine, unless the NIC's ROM is asked for", () => {
    const own = devicesOf(qemuArguments({ name: "node", firmware: "uefi" }, place));
    const rom = devicesOf(qemuArguments({ name: "node", firmware: "uefi", nics: [{ pxe: "rom" }] }, place));

    expect(own.some((device) => device.includes("romfile="))).toBe(true);
    expect(rom.some((device) => device.includes("romfile="))).toBe(false);
  });

  test("makes an ARM server of QEMU's own board, with nothing that only a PC has", () => {
    const spec = { name: "arm", firmware: "uefi", processor: "arm64" } as const;
    const args = qemuArguments(spec, { ...place, accelerator: "kvm" });

    expect(qemuProgram(spec)).toBe("qemu-system-aarch64");
    expect(args[args.indexOf("-machine") + 1]).toBe("virt");
    expect(args[args.indexOf("-accel") + 1]).toBe("tcg,thread=multi");
  });

  test("turns the firmware's PXE off where it shall boot by HTTP", () => {
    const args = qemuArguments({ name: "node", firmware: "uefi", nics: [{ pxe: "http" }] }, place);

    expect(args).toContain("name=opt/org.tianocore/IPv4PXESupport,string=n");
    expect(devicesOf(args).some((device) => device.includes("romfile="))).toBe(true);
  });

  test("gives a UEFI machine its own variable store", () => {
    const args = qemuArguments(
      { name: "node" },
      { ...place, firmwareCode: "/code.fd", firmwareVars: "/lab/vars.fd" },
    );

    expect(args).toContain("if=pflash,unit=0,format=raw,readonly=on,file=/code.fd");
    expect(args).toContain("if=pflash,unit=1,format=raw,file=/lab/vars.fd");
  });

  test("shows firmware and boot loader on the serial line unless there is a screen", () => {
    expect(qemuArguments({ name: "node" }, place)).toContain("q35,graphics=off");
    expect(qemuArguments({ name: "node", screen: true }, place)).toContain("q35");
  });
});

describe("macFor()", () => {
  test("is stable, local to QEMU's range, and differs by machine and by NIC", () => {
    const macs = ["a", "b", "node1", "node2"].flatMap((name) => [macFor(name, 0), macFor(name, 1)]);

    expect(new Set(macs).size).toBe(macs.length);
    expect(macs.every((mac) => /^52:54:00(:[0-9a-f]{2}){3}$/.test(mac))).toBe(true);
    expect(macFor("node1", 0)).toBe(macFor("node1", 0));
  });
});
