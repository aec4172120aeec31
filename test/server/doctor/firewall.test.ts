import { describe, expect, it } from "vitest";
import { inputChains, letsIn } from "../../../server/doctor/firewall.ts";

/** As `nft list ruleset` of nftables 1.0.6 prints it. */
const chain = (policy: string, ...rules: readonly string[]): string =>
  `table inet filter {\n\tchain services {\n\t\ttcp dport 8443 accept\n\t}\n\n\tchain input {\n\t\ttype filter hook input priority filter; policy ${policy};\n${rules
    .map((rule) => `\t\t${rule}\n`)
    .join("")}\t}\n}\n`;

describe("letsIn()", () => {
  const cases: readonly (readonly [
    name: string,
    ruleset: string,
    protocol: string,
    port: number,
    expected: boolean,
  ])[] = [
    ["policy accept", chain("accept"), "udp", 67, true],
    ["policy drop", chain("drop"), "udp", 67, false],
    ["a rule for the port", chain("drop", "udp dport 67 accept"), "udp", 67, true],
    ["a rule for the other protocol", chain("drop", "tcp dport 69 accept"), "udp", 69, false],
    ["a set of ports", chain("drop", "udp dport { 67, 69, 4011 } accept"), "udp", 4011, true],
    ["a range", chain("drop", "tcp dport 8000-8100 accept"), "tcp", 8088, true],
    ["either protocol by th", chain("drop", "meta l4proto { tcp, udp } th dport 69 accept"), "udp", 69, true],
    ["a chain that is jumped to", chain("drop", "jump services"), "tcp", 8443, true],
    [
      "established connections say nothing",
      chain("drop", "ct state established,related accept"),
      "udp",
      69,
      false,
    ],
    ["loopback says nothing", chain("drop", 'iifname "lo" accept'), "udp", 69, false],
    ["one port dropped", chain("accept", "udp dport 69 drop"), "udp", 69, false],
    ["another port dropped", chain("accept", "udp dport 69 drop"), "udp", 67, true],
    [
      "all rejected at the end",
      chain("accept", "udp dport 67 accept", "reject with icmpx admin-prohibited"),
      "udp",
      69,
      false,
    ],
  ];

  it.each(cases)("%s", (_, ruleset, protocol, port, expected) => {
    const chains = inputChains(ruleset);

    expect(chains).toHaveLength(1);
    expect(letsIn(chains[0]!, { protocol, port })).toBe(expected);
  });

  it("sees no chain where none is at the input hook", () => {
    expect(
      inputChains(
        "table inet f {\n\tchain out {\n\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n",
      ),
    ).toEqual([]);
  });
});
