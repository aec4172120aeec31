/** What is said about one interface: its settings, the DHCP answers on its wire, and whether boot files can be had. */
import { cidrContains, formatCidr, type Ipv4Address } from "../../base/net-types.ts";
import { formatByteSize } from "../../base/quantity.ts";
import { speaksHttp } from "../../netboot/arch.ts";
import type { AskerKind, DhcpAnswer } from "../../netboot/probe/dhcp-question.ts";
import { loadersOf } from "../netboot/dhcp-settings.ts";
import type { FetchFacts, KnownNode, WireFacts } from "./facts.ts";
import { type Finding, note, okay, problem } from "./finding.ts";

export function judgeInterface(wire: WireFacts): readonly Finding[] {
  const { name, addresses, config } = wire;
  if (wire.up === undefined) {
    return [
      problem(
        "interface",
        `${name} does not exist`,
        "'ip link' lists those there are; correct the configuration",
      ),
    ];
  }
  const findings: Finding[] = [];
  if (!wire.up) {
    findings.push(
      problem(
        "interface",
        `${name} is down or has no link`,
        `'ip link set ${name} up'; check the cable or bridge`,
      ),
    );
  }
  if (wire.own === undefined) {
    const why =
      config?.address === undefined ? "has no IPv4 address" : `does not have the address ${config.address}`;
    return [
      ...findings,
      problem("interface", `${name} ${why}`, "give it a fixed address, and name that in netboot.interfaces"),
    ];
  }
  const subnet = addresses.find(({ address }) => address === wire.own)?.subnet;
  const wanted = config?.subnet;
  if (subnet !== undefined && wanted !== undefined && formatCidr(subnet) !== formatCidr(wanted)) {
    findings.push(
      problem(
        "interface",
        `${name} is in ${formatCidr(subnet)}, and the configuration says ${formatCidr(wanted)}`,
        "make the interface's netmask and 'subnet' in netboot.interfaces the same",
      ),
    );
  }
  return findings.length > 0
    ? findings
    : [
        okay(
          "interface",
          `${name} has ${wire.own}${subnet === undefined ? "" : ` in ${formatCidr(subnet)}`}`,
        ),
      ];
}

/** Nodes whose address no configured interface can give. */
export function judgeNodes(
  nodes: readonly KnownNode[] | undefined,
  wires: readonly WireFacts[],
): readonly Finding[] {
  const subnets = wires.flatMap(({ config, addresses }) => [
    ...(config?.mode === "server" && config.subnet !== undefined ? [config.subnet] : []),
    ...(config?.mode === "server" && config.subnet === undefined
      ? addresses.map(({ subnet }) => subnet)
      : []),
    ...(config?.mode === "server" ? config.relayed.map(({ subnet }) => subnet) : []),
  ]);
  const lost = (nodes ?? []).filter(
    ({ ip }) => ip !== undefined && !subnets.some((subnet) => cidrContains(subnet, ip)),
  );
  if (subnets.length === 0 || lost.length === 0) {
    return [];
  }
  const some = lost.slice(0, 5).map(({ name, ip }) => `${name} (${ip})`);
  return [
    problem(
      "nodes",
      `${lost.length} of ${nodes?.length} nodes have an address in no subnet where Ingot gives addresses: ${some.join(", ")}`,
      "'ingot node set NODE --ip ADDRESS', or configure the subnet (for relays: netboot.interfaces, relayed)",
    ),
  ];
}

export function judgeDhcp(wire: WireFacts, daemonIsUp: boolean): readonly Finding[] {
  const { name, dhcp, own } = wire;
  if (dhcp.kind === "not-asked") {
    return [note("dhcp", `Nobody was asked on ${name}: ${dhcp.reason}`)];
  }
  const ours = dhcp.answers.filter(({ server }) => server === own);
  const foreign = dhcp.answers.filter(({ server }) => server !== own);
  const mode = wire.config?.mode ?? "off";
  const findings = [...judgeForeign(wire, foreign)];
  if (mode !== "off" && daemonIsUp) {
    findings.push(...judgeOwn(wire, ours));
  }
  const differing = dhcp.answers.filter(({ readOtherwise }) => readOtherwise.length > 0);
  for (const [server, group] of byServer(differing)) {
    const fields = [...new Set(group.flatMap(({ readOtherwise }) => readOtherwise))].join(", ");
    findings.push(
      note(
        "dhcp",
        `Answers of ${server} are encoded so that simple clients read another ${fields}`,
        "old firmware may misread them; leave out options there that no machine needs",
      ),
    );
  }
  return findings;
}

function judgeOwn(wire: WireFacts, ours: readonly DhcpAnswer[]): readonly Finding[] {
  const { node } = wire.askedAs;
  const mode = wire.config?.mode;
  if (node === undefined) {
    return [
      note(
        "dhcp",
        `Ingot's own answers on ${wire.name} were not tried: no node with a MAC belongs there`,
        "'ingot node add NAME --mac MAC' makes a machine known",
      ),
    ];
  }
  const httpLoader = wire.config === undefined ? undefined : loadersOf(wire.config)["uefi-x64"];
  const wanted: readonly AskerKind[] = [
    ...(mode === "proxy" ? [] : (["plain"] as const)),
    ...(["bios", "uefi"] as const),
    // A proxy has nothing to say to firmware that boots by HTTP where the loader cannot go on from there.
    ...(mode === "proxy" && httpLoader !== undefined && !speaksHttp(httpLoader) ? [] : (["http"] as const)),
  ];
  const silent = wanted.filter((kind) => !ours.some((answer) => answer.kind === kind));
  if (silent.length > 0) {
    return [
      problem(
        "dhcp",
        `Ingot did not answer node ${node.name} on ${wire.name} as ${silent.join(", ")}`,
        `'ingot node show ${node.name}' tells what it boots and why; the daemon's log at level debug tells why it is silent`,
      ),
    ];
  }
  const told = ours
    .filter(({ port }) => port === 67)
    .map(
      ({ kind, address, bootFile }) =>
        `${kind} ${address ?? "no address"}${bootFile === undefined ? "" : ` ${bootFile}`}`,
    );
  const again = ours.some(({ port }) => port === 4011);
  return [
    okay("dhcp", `Ingot answers node ${node.name} on ${wire.name}: ${[...new Set(told)].join("; ")}`),
    ...(mode === "proxy" && !again
      ? [
          problem(
            "dhcp",
            `Ingot does not answer on port 4011 of ${wire.own}`,
            "some firmware asks there a second time; see what holds the port",
          ),
        ]
      : []),
  ];
}

function judgeForeign(wire: WireFacts, foreign: readonly DhcpAnswer[]): readonly Finding[] {
  const mode = wire.config?.mode ?? "off";
  const waited = wire.dhcp.kind === "asked" ? Math.round(wire.dhcp.waited / 1000) : 0;
  const findings: Finding[] = [];
  let givers = 0;
  for (const [server, answers] of byServer(foreign)) {
    const gives = answers.some(({ address }) => address !== undefined);
    const boots = answers.find(({ bootFile }) => bootFile !== undefined);
    givers += gives ? 1 : 0;
    const what = describeAnswers(answers);
    if (mode === "server" && gives) {
      findings.push(
        problem(
          "dhcp",
          `A second DHCP server, ${server}, answers on ${wire.name}: ${what}`,
          `stop it, keep it from Ingot's machines, or set mode 'proxy' for ${wire.name}`,
        ),
      );
    } else if (mode !== "off" && boots !== undefined) {
      findings.push(
        problem(
          "dhcp",
          `${server} on ${wire.name} names a boot file of its own: ${what}`,
          "take the boot file and next-server out there: firmware takes whichever answer it likes",
        ),
      );
    } else {
      findings.push(
        (mode === "proxy" ? okay : note)(
          "dhcp",
          `The site's DHCP server ${server} answers on ${wire.name}: ${what}`,
        ),
      );
    }
  }
  if (mode === "proxy" && givers === 0) {
    findings.push(
      problem(
        "dhcp",
        `Nobody gave an address on ${wire.name} within ${waited} s, and mode 'proxy' gives none`,
        "see that the site's DHCP server serves this network and these machines, or set mode 'server'",
      ),
    );
  }
  if (mode === "server" && findings.length === 0) {
    findings.push(okay("dhcp", `No other DHCP server answered on ${wire.name} within ${waited} s`));
  }
  if (mode === "off" && findings.length === 0) {
    findings.push(note("dhcp", `No DHCP server answered on ${wire.name} within ${waited} s`));
  }
  return findings;
}

function describeAnswers(answers: readonly DhcpAnswer[]): string {
  const addresses = [...new Set(answers.flatMap(({ address }) => (address === undefined ? [] : [address])))];
  const files = [
    ...new Set(
      answers.flatMap(({ bootFile, kind }) => (bootFile === undefined ? [] : [`${bootFile} to ${kind}`])),
    ),
  ];
  const relays = [...new Set(answers.flatMap(({ server, from }) => (server === from ? [] : [from])))];
  return [
    addresses.length === 0 ? "no address" : `address ${addresses.join(", ")}`,
    ...(files.length === 0 ? [] : [`boot file ${files.join(", ")}`]),
    ...(relays.length === 0 ? [] : [`through ${relays.join(", ")}`]),
  ].join("; ");
}

function byServer(answers: readonly DhcpAnswer[]): ReadonlyMap<Ipv4Address, readonly DhcpAnswer[]> {
  return new Map(
    answers.map(({ server }) => [server, answers.filter((answer) => answer.server === server)] as const),
  );
}

export function judgeFetched(fetched: FetchFacts): Finding {
  const { what, from, result } = fetched;
  const area = from.startsWith("tftp:") ? "tftp" : "http";
  return result.ok
    ? okay(area, `${what}: ${formatByteSize(result.bytes)} in ${result.milliseconds} ms from ${from}`)
    : problem(
        area,
        `${what} cannot be had from ${from}: ${result.error}`,
        "see who holds the port, and the daemon's log",
      );
}
