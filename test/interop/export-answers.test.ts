/** Exported configurations in the running servers: what they answer to firmware, to iPXE, and to strangers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromLatin1 } from "../../base/bytes.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import { defaultLoaders } from "../../netboot/arch.ts";
import type { DhcpAnswer } from "../../netboot/probe/dhcp-question.ts";
import { type ExportFormat, renderExport } from "../../server/exports/render.ts";
import type { ExportSite } from "../../server/exports/site.ts";
import { programOf } from "../programs.ts";
import { missingForRig, NetbootRig } from "./netboot-rig.ts";

const missing = missingForRig(["/usr/sbin/dhcpd", "/usr/sbin/kea-dhcp4", "dnsmasq", "udhcpc"]);
const ip = (text: string): Ipv4Address => text as Ipv4Address;
const mac = "52:54:00:aa:00:21" as MacAddress;
const pooled = "52:54:00:aa:00:22" as MacAddress;
const stranger = "52:54:00:aa:00:23";
const ask = programOf(new URL("./dhcp-ask.ts", import.meta.url)).join(" ");

const site: ExportSite = {
  nodes: [
    { name: "n1", macs: [mac], ip: ip("10.77.0.11"), groups: [] },
    { name: "pooled", macs: [pooled], groups: [] },
    {
      name: "board",
      macs: [],
      uuid: "0c4c4544-0042-3510-8052-b4c04f4b3432",
      ip: ip("10.77.0.105"),
      groups: [],
    },
    { name: "pooled-board", macs: [], uuid: "0d4c4544-0042-3510-8052-b4c04f4b3432", groups: [] },
  ],
  networks: [
    {
      ...{ interfaceName: "v1", subnet: { network: ip("10.77.0.0"), prefix: 24 }, router: ip("10.77.0.254") },
      ...{ dns: [ip("10.77.0.1")], domain: "lab.example", leaseSeconds: 600 },
      options: [
        [42, Uint8Array.of(10, 77, 0, 5, 10, 77, 0, 6)],
        [119, fromLatin1("\x03lab\x07example\0\x03dev\0")],
        [100, fromLatin1('UTC0, "so"')],
        [26, Uint8Array.of(5, 120)],
        [121, Uint8Array.of(24, 192, 168, 5, 10, 77, 0, 254)],
        [224, Uint8Array.of(17)],
        [225, fromLatin1("some text")],
      ],
      loaders: defaultLoaders,
      pool: { from: ip("10.77.0.100"), to: ip("10.77.0.120") },
      ...{ server: ip("10.77.0.1"), httpBase: "http://10.77.0.1:8088" },
    },
  ],
};

const servers: readonly (readonly [format: ExportFormat, start: string])[] = [
  ["dhcpd", "touch leases; exec /usr/sbin/dhcpd -4 -d -cf dhcpd.conf -lf leases -pf dhcpd.pid v1"],
  ["kea", 'exec env KEA_LOCKFILE_DIR="$PWD" KEA_PIDFILE_DIR="$PWD" kea-dhcp4 -c kea-dhcp4.conf'],
  [
    "dnsmasq",
    'exec dnsmasq -k --conf-file=ingot.conf --port=0 --interface=v1 --bind-interfaces --dhcp-leasefile="$PWD/dleases" --user=root',
  ],
];

describe.skipIf(missing !== undefined).each(servers)(
  `answers of %s with its export${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  (format, start) => {
    const rig = new NetbootRig(format.slice(0, 3));
    let running: Promise<unknown> | undefined;

    async function answers(asker: string): Promise<readonly DhcpAnswer[]> {
      const ran = await rig.runBesideServer(`${ask} 10.77.0.1 ${asker} 4`);
      return JSON.parse(ran.output) as readonly DhcpAnswer[];
    }

    beforeAll(async () => {
      rig.connect();
      const bind = { nameServer: "ns", previous: new Map(), today: "20260131" };
      const files = renderExport(format, site, { bind });
      for (const { name, text } of files.ok ? files.value : []) {
        // Kea keeps its leases where only its own user may write.
        writeFileSync(join(rig.folder, name), text.replace('"persist": true', '"persist": false'));
      }
      await rig.run("ip addr add 10.77.0.2/24 dev v1");
      running = rig.run(`echo $$ > server.pid; ${start} > server.log 2>&1`, 60);
      await rig.run("sleep 2");
    });
    afterAll(async () => {
      await rig.run('kill "$(cat server.pid)"');
      await running;
      await rig.stop();
    });

    it("a known machine gets its address, and its firmware the loader", async () => {
      const got = await answers(mac);

      const log = await rig.run("cat server.log");
      expect(
        got.map(({ kind, address, bootFile, server }) => [kind, address, bootFile, server]),
        log.output,
      ).toEqual(
        expect.arrayContaining([
          ["plain", "10.77.0.11", undefined, "10.77.0.2"],
          ["bios", "10.77.0.11", "undionly.kpxe", "10.77.0.2"],
          ["uefi", "10.77.0.11", "snponly.efi", "10.77.0.2"],
          ["http", "10.77.0.11", "http://10.77.0.1:8088/boot/loader/snponly.efi", "10.77.0.2"],
        ]),
      );
      const booting = got.filter(({ kind }) => kind !== "plain");
      expect(new Set(booting.map(({ nextServer }) => nextServer))).toEqual(new Set(["10.77.0.1"]));
    });

    it("iPXE gets its script, and puts its MAC in itself", async () => {
      writeFileSync(join(rig.folder, "show"), '#!/bin/sh\necho "boot=$boot_file$bootfile ip=$ip"\n', {
        mode: 0o755,
      });
      const ran = await rig.runBesideServer(
        `ip link add m0 link br0 type macvlan mode bridge; ip link set m0 address ${mac} up; udhcpc -f -q -n -t 4 -T 2 -i m0 -x 0x4d:69505845 -x 0x5d:0007 -x 0xaf:b10102 -O bootfile -s "$PWD/show"; ip link del m0`,
      );

      expect(ran.output).toContain(
        // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
        "boot=http://10.77.0.1:8088/boot/ipxe?mac=${net0/mac}&uuid=${uuid}&arch=7 ip=10.77.0.11",
      );
    });

    it("an ARM server's firmware gets the loader of its processor", async () => {
      const ran = await rig.runBesideServer(
        `ip link add m0 link br0 type macvlan mode bridge; ip link set m0 address ${mac} up; udhcpc -f -q -n -t 4 -T 2 -i m0 -V PXEClient:Arch:00011:UNDI:003000 -x 0x5d:000b -O bootfile -s "$PWD/show"; ip link del m0`,
      );

      expect(ran.output).toContain("boot=grubaa64.efi ip=10.77.0.11");
    });

    it.each([
      [
        "a PC that boots by HTTP gets a URL",
        "00016",
        "0010",
        "http://10.77.0.1:8088/boot/loader/snponly.efi",
      ],
      ["an ARM server that boots by HTTP is told nothing that would strand it", "00019", "0013", ""],
    ])("firmware of %s", async (_, number, arch, url) => {
      const ran = await rig.runBesideServer(
        `ip link add m0 link br0 type macvlan mode bridge; ip link set m0 address ${mac} up; udhcpc -f -q -n -t 4 -T 2 -i m0 -V HTTPClient:Arch:${number}:UNDI:003000 -x 0x5d:${arch} -O bootfile -s "$PWD/show"; ip link del m0`,
      );

      expect(ran.output).toContain(`boot=${url} ip=10.77.0.11`);
    });

    it("an operating system is told all that Ingot's own server would tell it", async () => {
      writeFileSync(join(rig.folder, "told"), '#!/bin/sh\n[ "$1" != bound ] || env\n', { mode: 0o755 });
      const asked = [26, 28, 42, 100, 119, 121, 224, 225].map((code) => `-O ${code}`).join(" ");
      const ran = await rig.runBesideServer(
        `ip link add m0 link br0 type macvlan mode bridge; ip link set m0 address ${mac} up; udhcpc -f -q -n -t 4 -T 2 -i m0 ${asked} -s "$PWD/told"; ip link del m0`,
      );

      expect(ran.output.split("\n")).toEqual(
        expect.arrayContaining([
          ...["ip=10.77.0.11", "subnet=255.255.255.0", "router=10.77.0.254", "dns=10.77.0.1", "lease=600"],
          ...["domain=lab.example", "broadcast=10.77.0.255", "ntpsrv=10.77.0.5 10.77.0.6", "mtu=1400"],
          ...["search=lab.example dev", 'tzstr=UTC0, "so"', "staticroutes=192.168.5.0/24 10.77.0.254"],
          ...["opt224=11", "opt225=736f6d652074657874"],
        ]),
      );
    });

    it.each([
      ["an address of its own", "0c", /^boot=snponly\.efi ip=10\.77\.0\.105 name=board$/m],
      ["one of the pool", "0d", /^boot=snponly\.efi ip=10\.77\.0\.1[012][0-46-9] name=pooled-board$/m],
      ["none, being a stranger", "0e", /^(?![\s\S]*boot=)/],
    ])("a machine that its UUID is known of, by any card, gets %s", async (_, first, expected) => {
      writeFileSync(
        join(rig.folder, "named"),
        '#!/bin/sh\n[ "$1" != bound ] || echo "boot=$boot_file$bootfile ip=$ip name=$hostname"\n',
        { mode: 0o755 },
      );
      // As firmware says it: the first three fields the other way round.
      const uuid = `0044454c${first}420010358052b4c04f4b3432`;
      const ran = await rig.runBesideServer(
        `ip link add m0 link br0 type macvlan mode bridge; ip link set m0 address 52:54:00:aa:00:3${first === "0c" ? 1 : first === "0d" ? 2 : 3} up; udhcpc -f -q -n -t 4 -T 2 -i m0 -V PXEClient:Arch:00007:UNDI:003000 -x 0x5d:0007 -x 0x61:${uuid} -O bootfile -O hostname -s "$PWD/named"; ip link del m0`,
      );

      expect(ran.output).toMatch(expected);
    });

    it("a known machine without an address has one of the pool, and a stranger none", async () => {
      const [known, unknown] = [await answers(pooled), await answers(stranger)];

      expect(known.every(({ address }) => /^10\.77\.0\.1[012]\d$/.test(address ?? ""))).toBe(true);
      expect(known.length).toBeGreaterThan(0);
      expect(unknown).toEqual([]);
    });
  },
);
