/** Zone files for BIND 9 (RFC 1035 section 5): the domain's, and one reverse zone per 256 addresses. */
import type { Ipv4Address } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { checkDomain, type ExportFile, type ExportNode, type ExportSite, fullName, notice } from "./site.ts";

export interface BindOptions {
  /** The name server's own name, in the domain or whole with a dot in it. */
  readonly nameServer: string;
  /** Its address, where its name is in the zone and no node's. */
  readonly nameServerAddress?: Ipv4Address;
  /** What the files held before, by name: their serials go on. */
  readonly previous: ReadonlyMap<string, string>;
  /** The day in UTC as `20260131`: serials begin with it. */
  readonly today: string;
}

const serialPlace = "@SERIAL@";

/** Renders zone files and the part of named.conf that names them. */
export function renderBind(site: ExportSite, options: BindOptions): Result<readonly ExportFile[], string> {
  const domain = site.domain === undefined ? undefined : checkDomain(site.domain);
  if (domain === undefined) {
    return err("no domain is named: --domain, or 'domain' of an interface in netboot.interfaces");
  }
  const nameServer = checkDomain(options.nameServer);
  if (!domain.ok || !nameServer.ok) {
    return domain.ok ? err(`the name server: ${nameServer.ok ? "" : nameServer.error}`) : domain;
  }
  const zone = domain.value;
  const ns = nameServer.value.includes(".") ? `${nameServer.value}.` : `${nameServer.value}.${zone}.`;
  const nodes = site.nodes.filter((node) => fullName(node, zone).endsWith(`.${zone}`));
  const zones = [
    {
      zone,
      file: `db.${zone}`,
      lines: forwardLines(nodes, { zone, ns, address: options.nameServerAddress }),
    },
    ...reverseZones(nodes, zone),
  ];
  const files = zones.map(({ file, zone: name, lines }): ExportFile => {
    const body = [...head(name, ns), ...lines].join("\n");
    return {
      name: file,
      text: withSerial(`${body}\n`, { previous: options.previous.get(file), today: options.today }),
    };
  });
  const named = zones.map(({ zone: name, file }) => `zone "${name}" { type master; file "${file}"; };`);
  return ok([...files, { name: "named.conf.ingot", text: `${[`// ${notice}`, ...named].join("\n")}\n` }]);
}

function head(zone: string, ns: string): readonly string[] {
  return [
    `; ${notice}`,
    `$ORIGIN ${zone}.`,
    "$TTL 3600",
    `@ IN SOA ${ns} hostmaster.${ns.split(".").slice(1).join(".") || zone} (`,
    `  ${serialPlace} ; serial: rises when the zone changes`,
    "  3600 900 1209600 300 )",
    `@ IN NS ${ns}`,
  ];
}

function forwardLines(
  nodes: readonly ExportNode[],
  at: { readonly zone: string; readonly ns: string; readonly address: Ipv4Address | undefined },
): readonly string[] {
  const own =
    at.ns.endsWith(`.${at.zone}.`) && !nodes.some((node) => `${fullName(node, at.zone)}.` === at.ns);
  return [
    ...(own && at.address !== undefined ? [`${at.ns} IN A ${at.address}`] : []),
    ...nodes.flatMap((node) => {
      const name = `${fullName(node, at.zone)}.`;
      const texts = (["location", "role", "hardware"] as const).flatMap((key) =>
        node[key] === undefined ? [] : [`${name} IN TXT ${quoted(`${key}: ${node[key]}`)}`],
      );
      return [
        ...(node.ip === undefined ? [] : [`${name} IN A ${node.ip}`]),
        ...texts,
        ...(node.hardware === undefined ? [] : [`${name} IN HINFO ${quoted(node.hardware)} "Linux"`]),
      ];
    }),
  ];
}

function reverseZones(
  nodes: readonly ExportNode[],
  zone: string,
): readonly { readonly zone: string; readonly file: string; readonly lines: readonly string[] }[] {
  const byNet = new Map<string, string[]>();
  for (const node of nodes) {
    const [a, b, c, d] = node.ip?.split(".") ?? [];
    if (d !== undefined) {
      const net = `${a}.${b}.${c}`;
      byNet.set(net, [...(byNet.get(net) ?? []), `${d} IN PTR ${fullName(node, zone)}.`]);
    }
  }
  return [...byNet]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([net, lines]) => {
      const name = `${net.split(".").reverse().join(".")}.in-addr.arpa`;
      return { zone: name, file: `db.${net}`, lines };
    });
}

/** A character string of at most 255 bytes, quoted; what is not printable ASCII as decimal escapes. */
function quoted(text: string): string {
  const bytes = [...new TextEncoder().encode(text)].slice(0, 255);
  const escaped = bytes.map((byte) => {
    const char = String.fromCharCode(byte);
    return byte < 0x20 || byte > 0x7e
      ? `\\${String(byte).padStart(3, "0")}`
      : char === '"' || char === "\\"
        ? `\\${char}`
        : char;
  });
  return `"${escaped.join("")}"`;
}

/** Puts the serial in: the former one where nothing else has changed, else a higher one, by preference `YYYYMMDD01`. */
export function withSerial(
  body: string,
  at: { readonly previous: string | undefined; readonly today: string },
): string {
  const former = /^\s+(\d{1,10}) ; serial/m.exec(at.previous ?? "")?.[1];
  const same = former !== undefined && body.replace(serialPlace, former) === at.previous;
  const next = Math.max(Number(former ?? "0") + 1, Number(`${at.today}01`));
  return body.replace(serialPlace, same ? former : String(next));
}
