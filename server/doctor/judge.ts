import type { DoctorFacts } from "./facts.ts";
import { type Finding, note } from "./finding.ts";
import {
  judgeClock,
  judgeDaemon,
  judgeFirewall,
  judgeFlavor,
  judgePort,
  judgeState,
  judgeTools,
} from "./judge-machine.ts";
import { judgeDhcp, judgeFetched, judgeInterface, judgeNodes } from "./judge-wire.ts";

/** Says what the facts mean: first the machine, then each interface. */
export function judge(facts: DoctorFacts): readonly Finding[] {
  const daemonIsUp = facts.daemon.kind === "up";
  const netboots = facts.wires.some(({ config }) => config !== undefined);
  return [
    ...judgeDaemon(facts.daemon),
    ...judgeState(facts.state),
    ...judgeClock(facts.clock),
    ...judgeTools(facts.tools),
    ...(netboots ? judgeFlavor(facts.flavors) : []),
    ...facts.ports.flatMap((port) => judgePort(port, daemonIsUp)),
    ...judgeFirewall(facts.firewall, facts.ports),
    ...judgeNodes(facts.nodes, facts.wires),
    ...(facts.wires.length === 0
      ? [
          note(
            "interface",
            "No interface is configured for netboot",
            "name one in netboot.interfaces, or look at one with --interface IF",
          ),
        ]
      : []),
    ...facts.wires.flatMap((wire) => [
      ...judgeInterface(wire),
      ...judgeDhcp(wire, daemonIsUp),
      ...wire.fetched.map(judgeFetched),
    ]),
  ];
}
