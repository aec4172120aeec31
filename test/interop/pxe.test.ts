import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootSector } from "./boot-sector.ts";
import { missingForRig, NetbootRig } from "./netboot-rig.ts";

const biosMac = "52:54:00:aa:00:02";
const uefiMac = "52:54:00:aa:00:03";
const uuid = "12345678-9abc-def0-1234-56789abcdef0";

/** Runs QEMU until its serial line says `end`, or for so many seconds. */
function until(
  end: string,
  options: { readonly serial: string; readonly seconds: number },
  words: string,
): string {
  const { serial, seconds } = options;
  return `qemu-system-x86_64 -accel tcg -display none -serial file:${serial} ${words} & for i in $(seq ${seconds}); do sleep 1; grep -q "${end}" ${serial} && break; done; kill $!; wait`;
}

function card(tap: string, mac: string): string {
  return `-netdev tap,id=n,ifname=${tap},script=no,downscript=no -device virtio-net-pci,netdev=n,mac=${mac}`;
}

/** A BIOS and a UEFI machine are powered on at once: each takes its time on a processor of its own. */
async function bootBoth(rig: NetbootRig): Promise<void> {
  writeFileSync(join(rig.folder, "disk"), bootSector());
  const flash =
    "-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive if=pflash,format=raw,unit=1,file=vars";
  const bios = `-m 128 -boot order=nc -drive file=disk,format=raw,if=virtio ${card("tap0", biosMac)}`;
  const uefi = `-machine q35 -m 256 -uuid ${uuid} ${flash} ${card("tap1", uefiMac)},bootindex=1,romfile=`;
  await Promise.all([
    rig.runBesideServer(until("DISK-OK", { serial: "bios", seconds: 110 }, bios), 120),
    rig.runBesideServer(
      `cp /usr/share/OVMF/OVMF_VARS_4M.fd vars; ${until("failed to start Boot", { serial: "uefi", seconds: 170 }, uefi)}`,
      180,
    ),
  ]);
}

function said(rig: NetbootRig, serial: string): string {
  return readFileSync(join(rig.folder, serial), "latin1");
}

const missing = missingForRig(["qemu-system-x86_64"]);

describe.skipIf(missing !== undefined)(
  `PXE with QEMU's firmware${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("pxe");

    beforeAll(async () => {
      await rig.start({
        hosts: {
          [biosMac]: { hostname: "bios", address: "10.77.0.12" },
          [uefiMac]: { hostname: "uefi", address: "10.77.0.13" },
        } as never,
      });
      await bootBoth(rig);
    });
    afterAll(() => rig.stop());

    it("BIOS: fetches its script by HTTP and starts the local disk", () => {
      expect(said(rig, "bios")).toContain("DISK-OK");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A02&arch=0");
    });

    it("UEFI: fetches the loader by TFTP, then its script by HTTP, and goes on to the next boot option", () => {
      expect(rig.log).toContain('"file":"snponly.efi"');
      expect(rig.log).toContain("TFTP file sent");
      expect(rig.log).toContain(`/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A03&arch=7&uuid=${uuid}`);
      expect(said(rig, "uefi")).toContain("failed to start Boot");
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
      await bootBoth(rig);
    });
    afterAll(async () => {
      await rig.run('kill "$(cat dnsmasq.pid)"');
      await rig.stop();
    });

    it("BIOS: has its address from the site and its script from Ingot", () => {
      expect(said(rig, "bios")).toContain("DISK-OK");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A02&arch=0");
      expect(rig.log).not.toContain('"type":"offer","address":"10.');
      expect(readFileSync(join(rig.folder, "leases"), "latin1")).toContain(biosMac);
    });

    it("UEFI: has its address from the site, loader and script from Ingot", () => {
      expect(rig.log).toContain('"file":"snponly.efi"');
      expect(rig.log).toContain("TFTP file sent");
      expect(rig.log).toContain("/boot/ipxe?mac=52%3A54%3A00%3Aaa%3A00%3A03&arch=7");
      expect(said(rig, "uefi")).toContain("failed to start Boot");
    });
  },
);
