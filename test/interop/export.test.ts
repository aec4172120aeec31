/** Exports of a small inventory, read by the real programs. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromLatin1 } from "../../base/bytes.ts";
import type { Ipv4Address, MacAddress } from "../../base/net-types.ts";
import { defaultLoaders } from "../../netboot/arch.ts";
import type { EncodedOption } from "../../netboot/dhcp/site-option.ts";
import { type ExportFormat, renderExport } from "../../server/exports/render.ts";
import type { ExportSite } from "../../server/exports/site.ts";

const ip = (text: string): Ipv4Address => text as Ipv4Address;
const mac = (last: number): MacAddress => `52:54:00:aa:00:${String(last).padStart(2, "0")}` as MacAddress;

const siteOptions: readonly EncodedOption[] = [
  [42, Uint8Array.of(10, 77, 0, 1)],
  [119, fromLatin1("\x03lab\x07example\0\x03dev\0")],
  [100, fromLatin1('UTC0, "so"')],
  [26, Uint8Array.of(5, 220)],
  [224, Uint8Array.of(17)],
];

const boardUuid = "0c4c4544-0042-3510-8052-b4c04f4b3432";

const site: ExportSite = {
  domain: "lab.example",
  nodes: [
    { name: "n1", macs: [mac(1), mac(11)], ip: ip("10.77.0.11"), groups: ["web", "rack-1"] },
    {
      ...{ name: "compute002", macs: [mac(2)], ip: ip("10.77.0.12"), groups: ["compute"] },
      ...{ location: "Rack103a-5", role: "compute-node", hardware: 'ibm, 8gb ram, 2xIntel "Xeon" 5540' },
    },
    { name: "far.other.example", macs: [mac(3)], ip: ip("10.88.0.11"), groups: [] },
    { name: "pooled", macs: [mac(4)], groups: [] },
    { name: "bare", macs: [], groups: [] },
    { name: "board", macs: [], uuid: boardUuid, ip: ip("10.77.0.105"), groups: [] },
    { name: "far-board", macs: [], uuid: boardUuid.replace("0c", "0d"), ip: ip("10.88.0.12"), groups: [] },
    { name: "pooled-board", macs: [], uuid: boardUuid.replace("0c", "0e"), groups: [] },
  ],
  networks: [
    {
      ...{ interfaceName: "lo", subnet: { network: ip("10.77.0.0"), prefix: 24 }, router: ip("10.77.0.254") },
      ...{ dns: [ip("10.77.0.1"), ip("10.77.0.2")], domain: "lab.example", leaseSeconds: 3600 },
      ...{ options: siteOptions, loaders: defaultLoaders },
      pool: { from: ip("10.77.0.100"), to: ip("10.77.0.120") },
      ...{ server: ip("10.77.0.1"), httpBase: "http://10.77.0.1:8088" },
    },
    {
      ...{
        interfaceName: "lo",
        subnet: { network: ip("10.88.0.0"), prefix: 24 },
        dns: [],
        leaseSeconds: 600,
        ...{ options: [], loaders: {} },
      },
      ...{ server: ip("10.77.0.1"), httpBase: "http://10.77.0.1:8088" },
    },
  ],
};
const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

describe("exports", () => {
  const folder = mkdtempSync(join(tmpdir(), "ingot-export-"));
  let previous: ReadonlyMap<string, string> = new Map();

  function write(format: ExportFormat, change: ExportSite = site): ReadonlyMap<string, string> {
    const bind = { nameServer: "ns1", nameServerAddress: ip("10.77.0.1"), previous, today: "20260131" };
    const files = renderExport(format, change, { bind });
    if (!files.ok) {
      throw new Error(files.error);
    }
    for (const { name, text } of files.value) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return new Map(files.value.map(({ name, text }) => [name, text]));
  }

  function run(...argv: readonly string[]): { readonly code: number | null; readonly output: string } {
    const ran = spawnSync(argv[0]!, argv.slice(1), { cwd: folder, encoding: "utf8", timeout: 30_000 });
    return { code: ran.status, output: `${ran.stdout}${ran.stderr}` };
  }

  beforeAll(() => {
    process.env["PATH"] = `${process.env["PATH"]}:/usr/sbin:/sbin`;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(!has("/usr/sbin/dhcpd"))("dhcpd -t accepts dhcpd.conf", () => {
    write("dhcpd");
    writeFileSync(join(folder, "leases"), "");

    const { code, output } = run("/usr/sbin/dhcpd", "-t", "-cf", "dhcpd.conf", "-lf", "leases");

    expect(output).not.toMatch(/warning|error/i);
    expect(code, output).toBe(0);
  });

  it.skipIf(!has("/usr/sbin/kea-dhcp4"))("kea-dhcp4 -t accepts kea-dhcp4.conf", () => {
    write("kea");

    const { code, output } = run("kea-dhcp4", "-t", "kea-dhcp4.conf");

    expect(output).not.toMatch(/ERROR|WARN/);
    expect(code, output).toBe(0);
  });

  it.skipIf(!has("/usr/sbin/dnsmasq"))("dnsmasq --test accepts its file", () => {
    write("dnsmasq");

    const { code, output } = run("dnsmasq", "--test", "--conf-file=ingot.conf");

    expect(code, output).toBe(0);
    expect(output).toContain("syntax check OK");
  });

  describe.skipIf(!has("named-checkzone"))("BIND zones", () => {
    it.each([
      ["lab.example", "db.lab.example"],
      ["0.77.10.in-addr.arpa", "db.10.77.0"],
    ])("named-checkzone accepts %s", (zone, file) => {
      write("bind");

      const { code, output } = run("named-checkzone", zone, file);

      expect(code, output).toBe(0);
      expect(output).toContain("loaded serial 2026013101");
      expect(run("named-checkconf", "named.conf.ingot")).toEqual({ code: 0, output: "" });
    });

    it("hold what describes a node, as DNS shows it", () => {
      write("bind");

      const { output } = run("named-checkzone", "-D", "-o", "-", "lab.example", "db.lab.example");

      for (const text of [
        '"location: Rack103a-5"',
        '"role: compute-node"',
        'HINFO\\s+"ibm, 8gb ram, 2xIntel \\\\"Xeon\\\\" 5540" "Linux"',
      ]) {
        expect(output).toMatch(new RegExp(`compute002\\.lab\\.example\\.\\s+\\d+\\s+IN (TXT\\s+)?${text}`));
      }
    });

    it("keep their serial until they change, and then raise it", () => {
      const serial = (files: ReadonlyMap<string, string>, name: string) =>
        /(\d+) ; serial/.exec(files.get(name) ?? "")?.[1];
      previous = write("bind");
      const again = write("bind");
      const moved = site.nodes.map((node) => (node.name === "n1" ? { ...node, hardware: "new" } : node));
      const changed = write("bind", { ...site, nodes: moved });
      previous = new Map();

      expect(serial(again, "db.lab.example")).toBe("2026013101");
      expect(serial(changed, "db.lab.example")).toBe("2026013102");
      expect(serial(changed, "db.10.77.0")).toBe("2026013101");
    });
  });

  it.skipIf(!has("grub-script-check"))("grub-script-check accepts the GRUB tree", () => {
    for (const name of write("grub").keys()) {
      expect(run("grub-script-check", name), name).toEqual({ code: 0, output: "" });
    }
    expect(readFileSync(join(folder, "grub/grub.cfg-01-52-54-00-aa-00-01"), "utf8")).toContain(
      "configfile (tftp,10.77.0.1)/grub/grub.cfg-01-52-54-00-aa-00-01",
    );
  });

  it("the GRUB tree has a file for a machine known by its UUID, which tells Ingot its card", () => {
    expect(write("grub").get(`grub/grub.cfg-${boardUuid}`)).toContain(
      `configfile (tftp,10.77.0.1)/grub/grub.cfg-01-$net_default_mac-$grub_cpu-${boardUuid}\n`,
    );
  });

  it("the PXELINUX tree has a file for each card, and says what it has none for", () => {
    const files = write("pxelinux");

    expect(files.get("pxelinux.cfg/default")).toContain(
      `# Left out: board, known by its UUID ${boardUuid} alone.`,
    );
    expect([...files.keys()]).toEqual([
      "pxelinux.cfg/default",
      ...[1, 11, 2, 3, 4].map((last) => `pxelinux.cfg/01-${mac(last).replaceAll(":", "-")}`),
    ]);
  });

  it.skipIf(!has("getent"))("hosts and inventory name every node", () => {
    expect(write("hosts").get("hosts")).toContain("10.77.0.11\tn1.lab.example n1\n");
    expect(write("hosts").get("hosts")).toContain("10.88.0.11\tfar.other.example far\n");
    expect(write("ansible").get("inventory.ini")).toContain("[rack_1]\nn1\n");
  });
});
