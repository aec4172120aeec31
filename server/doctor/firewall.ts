/** Reads `nft list ruleset` for a hint: may packets to a port come in? It is a hint only: sets, marks and interfaces are not followed. */

export interface InputChain {
  /** `inet filter input`. */
  readonly name: string;
  readonly policy: "accept" | "drop";
  readonly rules: readonly string[];
}

/** The base chains at the input hook, with the rules of the chains they jump to. */
export function inputChains(ruleset: string): readonly InputChain[] {
  const chains = readChains(ruleset);
  return chains
    .filter(({ lines }) => lines.some((line) => /\bhook input\b/.test(line)))
    .map(({ table, name, lines }) => ({
      name: `${table} ${name}`,
      policy: lines.some((line) => /\bpolicy drop\b/.test(line)) ? "drop" : "accept",
      rules: expand(lines, { chains, table, depth: 0 }),
    }));
}

interface Chain {
  readonly table: string;
  readonly name: string;
  readonly lines: readonly string[];
}

function readChains(ruleset: string): readonly Chain[] {
  const chains: { table: string; name: string; lines: string[] }[] = [];
  let table = "";
  let open: string[] | undefined;
  for (const line of ruleset.split("\n").map((text) => text.trim())) {
    const tableName = /^table (\S+ \S+) \{/.exec(line)?.[1];
    const chainName = /^chain (\S+) \{/.exec(line)?.[1];
    if (tableName !== undefined) {
      table = tableName;
    } else if (chainName !== undefined) {
      open = [];
      chains.push({ table, name: chainName, lines: open });
    } else if (line === "}") {
      open = undefined;
    } else if (line !== "") {
      open?.push(line);
    }
  }
  return chains;
}

function expand(
  lines: readonly string[],
  at: { readonly chains: readonly Chain[]; readonly table: string; readonly depth: number },
): readonly string[] {
  return lines
    .filter((line) => !/^type \S+ hook /.test(line))
    .flatMap((line) => {
      const target = /\b(?:jump|goto) (\S+)/.exec(line)?.[1];
      const chain = at.chains.find(({ table, name }) => table === at.table && name === target);
      return chain === undefined || at.depth > 8
        ? [line]
        : expand(chain.lines, { ...at, depth: at.depth + 1 });
    });
}

/** Whether a chain lets new packets to a port in, as far as can be told from its text. */
export function letsIn(
  chain: InputChain,
  wanted: { readonly protocol: string; readonly port: number },
): boolean {
  for (const rule of chain.rules) {
    const verdict = /\b(accept|drop|reject)\b/.exec(rule)?.[1];
    if (verdict !== undefined && !isNarrow(rule) && aboutPort(rule, wanted)) {
      return verdict === "accept";
    }
  }
  return chain.policy === "accept";
}

/** Rules that look at where a packet comes from or belongs to say nothing about a port for all machines. */
function isNarrow(rule: string): boolean {
  return (
    /\b(ct state|iif|iifname|saddr|limit rate|icmp|icmpv6|ip6|meta mark)\b/.test(rule) &&
    !/\bdport\b/.test(rule)
  );
}

function aboutPort(rule: string, wanted: { readonly protocol: string; readonly port: number }): boolean {
  const match = /(?:\b(\w+)\s+)?\bdport\s+(?:\{([^}]*)\}|(\S+))/.exec(rule);
  if (match === null) {
    const protocol = /\b(?:l4proto|protocol)\s+(\w+)/.exec(rule)?.[1];
    return protocol === undefined || protocol === wanted.protocol;
  }
  const protocol = match[1] ?? "";
  const ports = (match[2] ?? match[3] ?? "").split(",").map((text) => text.trim());
  return (
    (protocol === "th" || protocol === wanted.protocol) &&
    ports.some((text) => portMatches(text, wanted.port))
  );
}

const names: Readonly<Record<string, number>> = {
  bootps: 67,
  tftp: 69,
  "http-alt": 8080,
  https: 443,
  http: 80,
};

function portMatches(text: string, port: number): boolean {
  const [from = "", to = from] = text.split("-");
  const number = (name: string): number => names[name] ?? Number(name);
  return number(from) <= port && port <= number(to);
}
