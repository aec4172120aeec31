/** A report as netboot/ramdisk/hardware.sh prints it, of a machine with a disk, a card, and things that are no disks. */
export function hardwareReport(changes: Readonly<Record<string, unknown>> = {}): string {
  const disk = { rota: false, tran: null, model: null, serial: null, wwn: null };
  return JSON.stringify({
    ...{ vendor: "QEMU", product: "Standard PC (Q35 + ICH9, 2009)", serial: "", uuid: "" },
    ...{ board: "", biosVersion: "1.16.2", firmware: "uefi", secureBoot: true, machine: "x86_64" },
    ...{ cpuModel: "AMD EPYC", cpuThreads: 2, cpuSockets: 1, memory: 483_000 },
    nics: [{ name: "eth0", mac: "52:54:00:aa:bb:01", driver: "virtio_net", speed: 0, link: true }],
    lsblk: {
      blockdevices: [
        { ...disk, name: "vda", size: 4_294_967_296, rota: true, tran: "virtio", serial: "disk-1" },
        { ...disk, name: "zram0", size: 0 },
        { ...disk, name: "sdb", size: 0, model: "Card reader" },
      ],
    },
    ...changes,
  });
}
