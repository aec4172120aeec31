/** What is said about the machine itself: the daemon, its ports, its folder, clock, tools and firewall. */
import { formatByteSize } from "../../base/quantity.ts";
import type { ClockFacts, DoctorFacts, FirewallFacts, PortFacts, StateFacts, ToolFacts } from "./facts.ts";
import { type Finding, note, okay, problem } from "./finding.ts";
import { inputChains, letsIn } from "./firewall.ts";

const gibibyte = 2 ** 30;
const day = 86_400_000;

export function judgeDaemon(daemon: DoctorFacts["daemon"]): readonly Finding[] {
  if (daemon.kind === "down") {
    return [problem("daemon", daemon.reason, "start it: 'ingot serve' (and see that it starts at boot)")];
  }
  const { version, state, notes } = daemon.status;
  return [okay("daemon", `Ingot ${version} runs on ${state}`), ...notes.map((text) => note("daemon", text))];
}

/** A port is well when the daemon, and nobody else, has it. */
export function judgePort(port: PortFacts, daemonIsUp: boolean): readonly Finding[] {
  const place = `${port.protocol.toUpperCase()} port ${port.port} of ${port.address} (${port.service})`;
  const others = port.holders.filter(({ isDaemon }) => !isDaemon);
  if (others.length > 0) {
    const who = others.map(
      ({ program, pid }) =>
        `${program ?? "a program that only root may see"}${pid === undefined ? "" : ` (pid ${pid})`}`,
    );
    return [
      problem(
        "port",
        `${place} is held by ${[...new Set(who)].join(", ")}`,
        "stop and disable that service, or configure Ingot so that it does without the port",
      ),
    ];
  }
  if (port.holders.length > 0) {
    return [okay("port", place)];
  }
  return daemonIsUp
    ? [
        problem(
          "port",
          `${place}: nobody listens`,
          "restart the daemon so that it reads its configuration; its log says more",
        ),
      ]
    : [note("port", `${place} is free`)];
}

export function judgeState(state: StateFacts): readonly Finding[] {
  if (state.freeBytes === undefined) {
    return [
      note("space", `State folder ${state.path} is not there yet`, "the daemon makes it at its first start"),
    ];
  }
  const free = `${formatByteSize(state.freeBytes)} free in ${state.path}`;
  const todo = "make room: 'ingot image list' shows images; packs lie in the state folder's packs/";
  const findings: Finding[] = [];
  if (state.freeBytes < gibibyte) {
    findings.push(problem("space", free, todo));
  } else {
    findings.push(state.freeBytes < 10 * gibibyte ? note("space", free, todo) : okay("space", free));
  }
  if (state.freeInodes !== undefined && state.freeInodes > 0 && state.freeInodes < 100_000) {
    findings.push(note("space", `${state.freeInodes} files more fit into ${state.path}`, todo));
  }
  return findings;
}

export function judgeClock(clock: ClockFacts): readonly Finding[] {
  const shown = new Date(clock.now).toISOString();
  const todo = "set the clock and keep it set: systemd-timesyncd, chrony or ntpd";
  const earliest = Math.max(clock.builtAt, clock.certificate?.from ?? 0);
  if (clock.now < earliest) {
    return [
      problem(
        "clock",
        `${shown} is before ${new Date(earliest).toISOString()}, when Ingot was installed`,
        todo,
      ),
    ];
  }
  if (clock.certificate !== undefined && clock.certificate.to - clock.now < 30 * day) {
    const to = new Date(clock.certificate.to).toISOString();
    return [
      problem(
        "clock",
        `The server's certificate ends ${to}`,
        "restart the daemon: it renews its certificate",
      ),
    ];
  }
  return clock.synchronized === false
    ? [note("clock", `${shown}, not kept in step with others`, todo)]
    : [okay("clock", shown)];
}

export function judgeTools(tools: readonly ToolFacts[]): readonly Finding[] {
  const missing = tools.filter(({ present }) => !present);
  return missing.length === 0
    ? [okay("tools", tools.map(({ program }) => program).join(", "))]
    : missing.map(({ program, purpose }) =>
        problem("tools", `${program} is not installed: ${purpose}`, "install it from the distribution"),
      );
}

export function judgeFlavor(flavors: DoctorFacts["flavors"]): readonly Finding[] {
  const wanted = flavors.present.includes(flavors.wanted)
    ? okay("flavor", flavors.wanted)
    : problem(
        "flavor",
        `Flavor ${flavors.wanted}, which installs use, is not there`,
        `'ingot flavor build ${flavors.wanted}'`,
      );
  return [
    wanted,
    ...flavors.withoutHttp.map((name) =>
      note(
        "flavor",
        `Flavor ${name} has no loader for ARM servers that boot by HTTP: they are told nothing, and those that boot by PXE are led as ever`,
        `install the package grub-common, then 'ingot flavor build ${name} --arch arm64'`,
      ),
    ),
  ];
}

const legacyRules = note(
  "firewall",
  "The kernel holds a filter table of the old iptables, which was not read",
  "'iptables-legacy -S INPUT' shows it: ports 67, 69, 4011 (UDP) and the boot and node ports (TCP) must come in",
);

/** A hint: rules can look at more than this does. */
export function judgeFirewall(firewall: FirewallFacts, ports: readonly PortFacts[]): readonly Finding[] {
  if (firewall.kind === "unknown") {
    return [note("firewall", `Rules were not seen: ${firewall.reason}`)];
  }
  const chains = inputChains(firewall.text);
  const shut = ports.flatMap((port) => {
    const chain = chains.find((candidate) => !letsIn(candidate, port));
    return chain === undefined ? [] : [{ port, chain }];
  });
  const unread = firewall.hasLegacy === true ? [legacyRules] : [];
  if (shut.length === 0) {
    return [
      ...unread,
      okay(
        "firewall",
        chains.length === 0 ? "no nftables rules for input" : "lets all ports in, as far as its text tells",
      ),
    ];
  }
  return [
    ...unread,
    ...shut.map(({ port, chain }) =>
      problem(
        "firewall",
        `Chain ${chain.name} seems to drop ${port.protocol.toUpperCase()} port ${port.port} (${port.service})`,
        `nft insert rule ${chain.name} ${port.protocol} dport ${port.port} accept`,
      ),
    ),
  ];
}
