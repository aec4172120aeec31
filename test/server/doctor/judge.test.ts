import { describe, expect, it } from "vitest";
import type { Ipv4Address, MacAddress } from "../../../base/net-types.ts";
import type { DhcpAnswer } from "../../../netboot/probe/dhcp-question.ts";
import { Config } from "../../../server/config/schema.ts";
import type { DoctorFacts, WireFacts } from "../../../server/doctor/facts.ts";
import { type Finding, renderFindings } from "../../../server/doctor/finding.ts";
import { judge } from "../../../server/doctor/judge.ts";

const day = 86_400_000;
const now = Date.UTC(2026, 5, 1);
const ip = (last: number): Ipv4Address => `10.77.0.${last}` as Ipv4Address;
const node = { name: "n1", macs: ["52:54:00:aa:00:01" as MacAddress], ip: ip(11) };

function answer(change: Partial<DhcpAnswer>): DhcpAnswer {
  const server = change.server ?? ip(1);
  return { kind: "plain", mac: node.macs[0]!, server, from: server, port: 67, readOtherwise: [], ...change };
}

const ownAnswers = (["plain", "bios", "uefi", "http"] as const).map((kind) =>
  answer({ kind, address: ip(11) }),
);

function wire(
  mode: "server" | "proxy" | "off",
  answers: readonly DhcpAnswer[],
  change: Partial<WireFacts> = {},
  loaders: Readonly<Record<string, string>> = {},
): WireFacts {
  const { netboot } = Config.parse({
    netboot: { interfaces: [{ name: "eth1", mode, subnet: "10.77.0.0/24", loaders }] },
  });
  return {
    ...{ name: "eth1", up: true, own: ip(1), config: netboot.interfaces[0]!, askedAs: { node } },
    addresses: [{ address: ip(1), subnet: { network: ip(0), prefix: 24 } }],
    dhcp: { kind: "asked", answers, waited: 5000 },
    fetched: [],
    ...change,
  };
}

function facts(change: Partial<DoctorFacts>): DoctorFacts {
  return {
    daemon: {
      kind: "up",
      status: { version: "1", state: "/s", startedAt: 0, pin: "", listeners: [], notes: [] },
    },
    state: { path: "/s", freeBytes: 2 ** 40 },
    clock: { now, builtAt: now - day },
    tools: [{ program: "tar", purpose: "captures", present: true }],
    nodes: [node],
    flavors: { wanted: "standard", present: ["standard"], withoutHttp: [] },
    ports: [],
    wires: [wire("server", ownAnswers)],
    firewall: { kind: "rules", text: "" },
    ...change,
  };
}

const dhcpd = { address: "0.0.0.0", pid: 7, program: "dhcpd", isDaemon: false };
const daemon = { address: "10.77.0.1", pid: 9, program: "node", isDaemon: true };
const port = { protocol: "udp", address: "10.77.0.1", port: 67, service: "DHCP on eth1" } as const;

describe("judge()", () => {
  const cases: readonly (readonly [
    name: string,
    change: Partial<DoctorFacts>,
    problem: string | undefined,
  ])[] = [
    ["nothing is in the way", {}, undefined],
    [
      "the daemon is down",
      { daemon: { kind: "down", reason: "nobody at the socket" } },
      "nobody at the socket",
    ],
    ["the disk is full", { state: { path: "/s", freeBytes: 1000 } }, "free in /s"],
    ["the clock is before the build", { clock: { now, builtAt: now + day } }, "is before"],
    [
      "the certificate ends soon",
      { clock: { now, builtAt: 0, certificate: { from: 0, to: now + day } } },
      "certificate ends",
    ],
    [
      "a tool is missing",
      { tools: [{ program: "zstd", purpose: "packs", present: false }] },
      "zstd is not installed",
    ],
    [
      "the flavor is missing",
      { flavors: { wanted: "standard", present: [], withoutHttp: [] } },
      "Flavor standard",
    ],
    ["the daemon has its port", { ports: [{ ...port, holders: [daemon] }] }, undefined],
    ["another has the port", { ports: [{ ...port, holders: [dhcpd] }] }, "held by dhcpd (pid 7)"],
    [
      "another has the port beside the daemon",
      { ports: [{ ...port, holders: [daemon, dhcpd] }] },
      "held by dhcpd (pid 7)",
    ],
    ["nobody has the port", { ports: [{ ...port, holders: [] }] }, "nobody listens"],
    [
      "a second server",
      { wires: [wire("server", [...ownAnswers, answer({ server: ip(9), address: ip(99) })])] },
      "A second DHCP server, 10.77.0.9",
    ],
    [
      "another's boot file",
      { wires: [wire("server", [...ownAnswers, answer({ server: ip(9), bootFile: "x.0" })])] },
      "10.77.0.9 on eth1 names a boot file of its own: no address; boot file x.0 to plain",
    ],
    [
      "own silence",
      { wires: [wire("server", ownAnswers.slice(0, 3))] },
      "did not answer node n1 on eth1 as http",
    ],
    ["no node to ask as", { wires: [wire("server", [], { askedAs: {} })] }, undefined],
    [
      "proxy with the site's server",
      {
        wires: [
          wire("proxy", [...ownAnswers, answer({ port: 4011 }), answer({ server: ip(9), address: ip(99) })]),
        ],
        nodes: [],
      },
      undefined,
    ],
    [
      "proxy silent to HTTP boot where the loader is a shim",
      {
        wires: [
          wire(
            "proxy",
            [
              ...ownAnswers.filter(({ kind }) => kind !== "http"),
              answer({ port: 4011 }),
              answer({ server: ip(9), address: ip(99) }),
            ],
            {},
            { "uefi-x64": "shimx64.efi" },
          ),
        ],
      },
      undefined,
    ],
    [
      "proxy without one",
      { wires: [wire("proxy", [...ownAnswers, answer({ port: 4011 })])] },
      "Nobody gave an address on eth1",
    ],
    [
      "proxy silent at 4011",
      { wires: [wire("proxy", [...ownAnswers, answer({ server: ip(9), address: ip(99) })])] },
      "port 4011",
    ],
    [
      "mode off beside a server",
      { wires: [wire("off", [answer({ server: ip(9), address: ip(99) })])] },
      undefined,
    ],
    [
      "a wrong netmask",
      {
        wires: [
          wire("server", ownAnswers, {
            addresses: [{ address: ip(1), subnet: { network: ip(0), prefix: 16 } }],
          }),
        ],
      },
      "10.77.0.0/16, and the configuration says 10.77.0.0/24",
    ],
    [
      "a node outside",
      { nodes: [{ ...node, ip: "10.9.9.9" as Ipv4Address }] },
      "1 of 1 nodes have an address in no subnet",
    ],
    [
      "a file that cannot be had",
      {
        wires: [
          wire("server", ownAnswers, {
            fetched: [{ what: "loader", from: "tftp://x/y", result: { ok: false, error: "no" } }],
          }),
        ],
      },
      "loader cannot be had",
    ],
  ];

  it.each(cases)("%s", (_, change, expected) => {
    const findings = judge(facts(change));

    const problems = findings.filter(({ level }) => level === "problem");
    expect(problems.map(({ message }) => message)).toEqual(
      expected === undefined ? [] : [expect.stringContaining(expected)],
    );
    expect(problems.every(({ todo }) => todo !== undefined)).toBe(true);
  });

  it("tells of ARM flavors without a loader for HTTP boot, and calls them no problem", () => {
    const flavors = { wanted: "standard", present: ["standard"], withoutHttp: ["standard-arm64"] };

    const findings = judge(facts({ flavors })).filter(({ area }) => area === "flavor");

    expect(findings.map(({ level }) => level)).toEqual(["ok", "note"]);
    expect(findings[1]?.todo).toContain("grub-common");
  });

  it("tells answers that simple clients read otherwise", () => {
    const odd = answer({ server: ip(9), address: ip(99), readOtherwise: ["boot file"] });

    const text = renderFindings(judge(facts({ wires: [wire("off", [odd])] })));

    expect(text).toContain("Answers of 10.77.0.9 are encoded so that simple clients read another boot file");
    expect(text).toContain("Nothing is in the way.");
  });
});

describe("renderFindings()", () => {
  it("says what to do below each finding", () => {
    const finding: Finding = { level: "problem", area: "clock", message: "It is late", todo: "set it" };

    expect(renderFindings([finding])).toBe(
      "PROBLEM clock     It is late\n                  -> set it\nIn the way: 1.\n",
    );
  });

  it("says where rules are that it cannot read, and calls them no problem", () => {
    const findings = judge(facts({ firewall: { kind: "rules", text: "", hasLegacy: true } }));

    expect(findings.filter(({ area }) => area === "firewall").map(({ level }) => level)).toEqual([
      "note",
      "ok",
    ]);
  });
});
