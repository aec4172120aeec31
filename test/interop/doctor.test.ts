import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeFlavor, type FlavorDescription } from "../../netboot/flavor/flavor.ts";
import type { Finding } from "../../server/doctor/finding.ts";
import { ingotProgram } from "../programs.ts";
import { clientMac, missingForRig, NetbootRig } from "./netboot-rig.ts";

const missing = missingForRig(["dnsmasq", "nft"]);
const ingot = ingotProgram.join(" ");

describe.skipIf(missing !== undefined)(
  `ingot doctor${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const rig = new NetbootRig("doc");
    const state = join(rig.folder, "state");
    const config = join(rig.folder, "ingot.yaml");
    /** A DHCP server in the clients' namespace, with a boot file of its own. */
    const dnsmasq =
      'dnsmasq -k --conf-file=/dev/null --port=0 --interface=v1 --bind-interfaces --no-ping --dhcp-range=10.77.0.200,10.77.0.220,60 --dhcp-boot=other.0 --dhcp-leasefile="$PWD/leases" --pid-file="$PWD/dnsmasq.pid" --user=root';

    async function doctor(
      words = "",
    ): Promise<{ readonly code: number | null; readonly findings: readonly Finding[] }> {
      const ran = await rig.runBesideServer(
        `${ingot} doctor --config ${config} --json --wait 2 ${words} 2>/dev/null`,
        60,
      );
      return {
        code: ran.code,
        findings: (JSON.parse(ran.output) as { findings: readonly Finding[] }).findings,
      };
    }

    const problems = (findings: readonly Finding[]): readonly string[] =>
      findings.filter(({ level }) => level === "problem").map(({ message }) => message);
    const texts = (findings: readonly Finding[]): string =>
      findings.map(({ level, message }) => `${level} ${message}`).join("\n");

    beforeAll(async () => {
      rig.connect();
      const settings = (mode: string): string =>
        `state: ${state}\napi: {listen: ["127.0.0.1:9443"]}\nnetboot:\n  interfaces: [{name: br0, mode: ${mode}, address: 10.77.0.1, subnet: 10.77.0.0/24}]\n`;
      writeFileSync(config, settings("server"));
      writeFileSync(`${config}.proxy`, settings("proxy"));
      const flavor = join(state, "flavors", "standard");
      mkdirSync(flavor, { recursive: true });
      writeFileSync(join(flavor, "kernel"), new Uint8Array(5_000_000));
      writeFileSync(join(flavor, "initrd.img"), new Uint8Array(3_000_000));
      const description: FlavorDescription = {
        name: "standard",
        arch: "x86_64",
        kernelVersion: "6.1",
        packages: [],
        created: "2026-01-01T00:00:00Z",
        sizes: { kernel: 5_000_000, initrd: 3_000_000, unpacked: 9_000_000 },
        sha256s: { kernel: "0", initrd: "0" },
      };
      writeFileSync(join(flavor, "flavor.json"), encodeFlavor(description));
    });
    afterAll(async () => {
      await rig.stop();
    });

    it("without a daemon says so, and that the ports are free", async () => {
      const { code, findings } = await doctor();

      expect(code).toBe(8);
      expect(problems(findings)).toEqual([`No Ingot daemon answers at ${state}/ingot.sock`]);
      expect(texts(findings)).toContain("note UDP port 67 of 10.77.0.1 (DHCP on br0) is free");
    });

    it("with a daemon and a node finds nothing in the way, having had every answer and file", async () => {
      await rig.serve([...ingot.split(" "), "serve", "--config", config], "Ingot is up");
      const added = await rig.runBesideServer(
        `${ingot} node add n1 --state ${state} --mac ${clientMac} --ip 10.77.0.11`,
      );
      const { code, findings } = await doctor();

      expect(added.code, added.output).toBe(0);
      expect(problems(findings)).toEqual([]);
      expect(code).toBe(0);
      for (const line of [
        "ok UDP port 67 of 10.77.0.1 (DHCP on br0)",
        "ok UDP port 69 of 10.77.0.1 (TFTP on br0)",
        "ok TCP port 8088 of 10.77.0.1 (boot files on br0)",
        "ok No other DHCP server answered on br0 within 2 s",
        "ok Ingot answers node n1 on br0: plain 10.77.0.11; bios 10.77.0.11 undionly.kpxe; uefi 10.77.0.11 snponly.efi; http 10.77.0.11 http://10.77.0.1:8088/boot/loader/snponly.efi",
        "ok loader undionly.kpxe: ",
        "from tftp://10.77.0.1/undionly.kpxe",
        "ok the iPXE script: ",
        "ok the kernel of flavor standard: 4.77 MiB",
        "ok the ramdisk of flavor standard: ",
      ]) {
        expect(texts(findings)).toContain(line);
      }
    });

    it("names a second DHCP server, what it offers to whom, and a port that a firewall shuts", async () => {
      await rig.run("ip addr add 10.77.0.2/24 dev v1");
      const other = rig.run(dnsmasq, 60);
      await rig.runBesideServer(
        "nft add table inet t; nft 'add chain inet t in { type filter hook input priority 0; }'; nft add rule inet t in udp dport 69 drop",
      );
      const { code, findings } = await doctor();
      await rig.runBesideServer("nft delete table inet t");
      await rig.run("kill $(cat dnsmasq.pid)");
      await other;

      expect(code).toBe(8);
      expect(texts(findings)).toMatch(
        /problem A second DHCP server, 10\.77\.0\.2, answers on br0: address 10\.77\.0\.2\d\d(, 10\.77\.0\.2\d\d)*; boot file other\.0 to /,
      );
      expect(texts(findings)).toContain("problem Chain inet t in seems to drop UDP port 69 (TFTP on br0)");
    });

    it("names the program that holds a port beside the daemon", async () => {
      const other = rig.runBesideServer(dnsmasq.replace("--interface=v1", "--interface=br0"), 60);
      await rig.waitFor(() => true, 100);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { findings } = await doctor();
      await rig.runBesideServer("kill $(cat dnsmasq.pid)");
      await other;

      expect(problems(findings).join("\n")).toMatch(
        /UDP port 67 of 10\.77\.0\.1 \(DHCP on br0\) is held by dnsmasq \(pid \d+\)/,
      );
    });

    it("in proxy mode wants somebody else's address, and asks port 4011", async () => {
      await rig.stopServing();
      await rig.serve([...ingot.split(" "), "serve", "--config", `${config}.proxy`], "Ingot is up");
      const alone = await doctor(`--config ${config}.proxy`);
      const site = rig.run(dnsmasq.replace("--dhcp-boot=other.0", ""), 60);
      const { findings, code } = await doctor(`--config ${config}.proxy`);
      await rig.run("kill $(cat dnsmasq.pid)");
      await site;

      expect(problems(alone.findings).join()).toContain("Nobody gave an address on br0");
      expect(problems(findings)).toEqual([]);
      expect(code).toBe(0);
      expect(texts(findings)).toContain(
        "ok The site's DHCP server 10.77.0.2 answers on br0: address 10.77.0.2",
      );
      expect(texts(findings)).toContain(
        "ok Ingot answers node n1 on br0: bios no address undionly.kpxe; uefi no address snponly.efi",
      );
    });
  },
);
