/** A site's own DHCP and TFTP server with Ingot's exports: a machine's PXELINUX fetches from Ingot what it shall boot. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootSector } from "../../interop/boot-sector.ts";
import { missingForRig, NetbootRig } from "../../interop/netboot-rig.ts";
import { ingotProgram } from "../../programs.ts";

const missing = missingForRig(["dnsmasq", "qemu-system-x86_64", "/usr/lib/PXELINUX/lpxelinux.0"]);
const ingot = ingotProgram.join(" ");
const mac = "52:54:00:aa:00:31";

describe.skipIf(missing !== undefined)(
  `a machine that boots by what ingot export wrote${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("exb");
    const config = join(rig.folder, "ingot.yaml");

    beforeAll(async () => {
      rig.connect();
      const place = "{name: br0, mode: off, address: 10.77.0.1, subnet: 10.77.0.0/24}";
      writeFileSync(
        config,
        `state: ${rig.folder}/state\napi: {listen: []}\nnetboot: {interfaces: [${place}]}\n`,
      );
      writeFileSync(join(rig.folder, "disk"), bootSector());
      await rig.serve([...ingot.split(" "), "serve", "--config", config], "Ingot is up");
    });
    afterAll(async () => {
      await rig.run('kill "$(cat dnsmasq.pid)"');
      await rig.stop();
    });

    async function bootMachine(): Promise<void> {
      await rig.runBesideServer(
        `qemu-system-x86_64 -accel tcg -m 128 -display none -serial file:serial -boot order=nc -drive file=disk,format=raw,if=virtio -netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=${mac} & for i in $(seq 60); do sleep 1; grep -q DISK-OK serial && break; done; kill $!; wait`,
        80,
      );
    }

    it("BIOS: lpxelinux.0 of the site goes to Ingot's TFTP, which sends the machine to its disk", async () => {
      const made = await rig.runBesideServer(
        `${ingot} node add n1 --state ${rig.folder}/state --mac ${mac} --ip 10.77.0.31 && ${ingot} export pxelinux --config ${config} --output site`,
      );
      await rig.run(
        'cp /usr/lib/PXELINUX/lpxelinux.0 /usr/lib/syslinux/modules/bios/ldlinux.c32 site/; ip addr add 10.77.0.2/24 dev v1; dnsmasq --conf-file=/dev/null --port=0 --interface=v1 --bind-interfaces --no-ping --dhcp-range=10.77.0.200,10.77.0.220,600 --dhcp-boot=lpxelinux.0 --enable-tftp --tftp-root="$PWD/site" --dhcp-leasefile="$PWD/leases" --pid-file="$PWD/dnsmasq.pid" --user=root',
      );

      await bootMachine();

      expect(made.code, made.output).toBe(0);
      expect(rig.log).toContain(`Boot configuration mac=${mac} loader=pxelinux kind=local-disk`);
      expect(readFileSync(join(rig.folder, "serial"), "latin1")).toContain("DISK-OK");
    });

    it("BIOS: the site's dnsmasq, with Ingot's export as its configuration, leads its iPXE to Ingot's script and so to its disk", async () => {
      await rig.run('kill "$(cat dnsmasq.pid)"; rm -f serial');
      const made = await rig.runBesideServer(`${ingot} export dnsmasq --config ${config} --output dhcp`);
      await rig.run(
        'dnsmasq --conf-file=dhcp/ingot.conf --port=0 --interface=v1 --bind-interfaces --no-ping --dhcp-leasefile="$PWD/leases2" --pid-file="$PWD/dnsmasq.pid" --user=root',
      );

      await bootMachine();

      expect(made.code, made.output).toBe(0);
      expect(rig.log).toContain(`Boot script mac=${mac} kind=local-disk`);
      expect(readFileSync(join(rig.folder, "leases2"), "latin1")).toContain(`${mac} 10.77.0.31 n1`);
      expect(readFileSync(join(rig.folder, "serial"), "latin1")).toContain("DISK-OK");
    });
  },
);
