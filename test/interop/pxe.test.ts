import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootSector } from "./boot-sector.ts";
import { missingForRig, NetbootRig } from "./netboot-rig.ts";

const biosMac = "52:54:00:aa:00:02";
const uefiMac = "52:54:00:aa:00:03";
const missing = missingForRig(["qemu-system-x86_64"]);

describe.skipIf(missing !== undefined)(
  `PXE with QEMU's firmware${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("pxe");
    const folder = mkdtempSync(join(tmpdir(), "ingot-pxe-"));
    const nic = (mac: string): string =>
      `-netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=${mac}`;

    beforeAll(async () => {
      await rig.start({
        hosts: {
          [biosMac]: { hostname: "bios", address: "10.77.0.12" },
          [uefiMac]: { hostname: "uefi", address: "10.77.0.13" },
        } as never,
      });
      writeFileSync(join(folder, "disk"), bootSector());
    });
    afterAll(async () => {
      await rig.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it("BIOS: fetches its script by HTTP and starts the local disk", async () => {
      const machine = rig.runBesideServer(
        `qemu-system-x86_64 -accel tcg -m 128 -display none -serial file:${folder}/serial -boot order=nc -drive file=${folder}/disk,format=raw,if=virtio ${nic(biosMac)} & echo $! > ${folder}/pid; for i in $(seq 80); do sleep 1; grep -q DISK-OK ${folder}/serial && break; done; kill $(cat ${folder}/pid); wait`,
        100,
      );
      await machine;

      expect(readFileSync(join(folder, "serial"), "latin1")).toContain("DISK-OK");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A02&arch=0");
    });

    it("UEFI: fetches the loader by TFTP, then its script by HTTP, and goes on to the next boot option", async () => {
      const flash = "/usr/share/OVMF/OVMF_CODE_4M.fd";
      await rig.runBesideServer(
        `cp /usr/share/OVMF/OVMF_VARS_4M.fd ${folder}/vars; qemu-system-x86_64 -accel tcg -machine q35 -m 256 -display none -serial file:${folder}/console -uuid 12345678-9abc-def0-1234-56789abcdef0 -drive if=pflash,format=raw,unit=0,readonly=on,file=${flash} -drive if=pflash,format=raw,unit=1,file=${folder}/vars ${nic(uefiMac)},bootindex=1,romfile= & echo $! > ${folder}/pid; for i in $(seq 100); do sleep 1; grep -q "failed to start Boot" ${folder}/console && break; done; kill $(cat ${folder}/pid); wait`,
        115,
      );

      expect(rig.log).toContain('"file":"snponly.efi"');
      expect(rig.log).toContain("TFTP file sent");
      expect(rig.log).toContain(
        "/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A03&arch=7&uuid=12345678-9abc-def0-1234-56789abcdef0",
      );
      expect(readFileSync(join(folder, "console"), "latin1")).toContain("failed to start Boot");
    });
  },
);

const missingForProxy = missingForRig(["qemu-system-x86_64", "dnsmasq"]);

describe.skipIf(missingForProxy !== undefined)(
  `PXE beside a site's DHCP server${missingForProxy === undefined ? "" : ` (skipped: ${missingForProxy})`}`,
  () => {
    const rig = new NetbootRig("prx");

    beforeAll(async () => {
      await rig.start({
        mode: "proxy",
        hosts: { [biosMac]: { hostname: "bios" }, [uefiMac]: { hostname: "uefi" } },
      });
      await rig.run("ip addr add 10.77.0.2/24 dev v1");
      await rig.run(
        'dnsmasq --conf-file=/dev/null --port=0 --interface=v1 --bind-interfaces --no-ping --dhcp-range=10.77.0.200,10.77.0.220,600 --dhcp-leasefile="$PWD/leases" --pid-file="$PWD/dnsmasq.pid" --user=root',
      );
      writeFileSync(join(rig.folder, "disk"), bootSector());
    });
    afterAll(async () => {
      await rig.run('kill "$(cat dnsmasq.pid)"');
      await rig.stop();
    });

    it("BIOS: has its address from the site and its script from Ingot", async () => {
      await rig.runBesideServer(
        `qemu-system-x86_64 -accel tcg -m 128 -display none -serial file:serial -boot order=nc -drive file=disk,format=raw,if=virtio -netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=${biosMac} & for i in $(seq 80); do sleep 1; grep -q DISK-OK serial && break; done; kill $!; wait`,
        100,
      );

      expect(readFileSync(join(rig.folder, "serial"), "latin1")).toContain("DISK-OK");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A02&arch=0");
      expect(rig.log).not.toContain('"type":"offer","address":"10.');
      expect(readFileSync(join(rig.folder, "leases"), "latin1")).toContain(biosMac);
    });

    it("UEFI: has its address from the site, loader and script from Ingot", async () => {
      const vars = "cp /usr/share/OVMF/OVMF_VARS_4M.fd vars";
      const flash =
        "-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive if=pflash,format=raw,unit=1,file=vars";
      await rig.runBesideServer(
        `${vars}; qemu-system-x86_64 -accel tcg -machine q35 -m 256 -display none -serial file:console ${flash} -netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=${uefiMac},bootindex=1,romfile= & for i in $(seq 110); do sleep 1; grep -q "failed to start Boot" console && break; done; kill $!; wait`,
        118,
      );

      expect(rig.log).toContain('"file":"snponly.efi"');
      expect(rig.log).toContain("TFTP file sent");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A03&arch=7");
    });
  },
);
