import { toHex } from "../../base/bytes.ts";
import { cidrBroadcast, cidrNetmask, type Ipv4Address, type MacAddress } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { clientUuidValue } from "../../netboot/dhcp/pxe-options.ts";
import { type BootChoice, bootChoices } from "./boot-choices.ts";
import {
  checkedNetworks,
  type ExportNetwork,
  type ExportSite,
  notice,
  pooledNodes,
  poolWithout,
  type Render,
  reservations,
  type UuidNode,
  uuidNodes,
} from "./site.ts";

/** Renders dhcpd.conf of ISC dhcpd 4.4: known machines only. */
export const renderDhcpd: Render = (site) => {
  const networks = checkedNetworks(site);
  if (!networks.ok) {
    return networks;
  }
  // Host declarations hold everywhere, wherever they stand; an address is given in its own subnet only.
  const hosts = [
    ...networks.value
      .flatMap((network) => reservations(site, network))
      .map(({ label, mac, node }) => hostLine(label, { mac, name: node.name, address: node.ip })),
    ...pooledNodes(site).flatMap(({ name, macs }) =>
      macs.map((mac, index) => hostLine(index === 0 ? name : `${name}-${index + 1}`, { mac, name })),
    ),
  ];
  const lines = [
    `# ${notice}`,
    "authoritative;",
    "option client-architecture code 93 = unsigned integer 16;",
    ...siteOptionCodes(networks.value).map((code) => `option site-${code} code ${code} = string;`),
    ...classLines(networks.value.flatMap((network) => uuidNodes(site, network))),
    ...networks.value.flatMap((network) => ["", ...subnetLines(site, network)]),
    ...(hosts.length === 0 ? [] : ["", ...hosts]),
  ];
  return ok([{ name: "dhcpd.conf", text: `${lines.join("\n")}\n` }]);
};

/** dhcpd has its own names and forms for some of them: under one of ours, any may be said as bytes. */
function siteOptionCodes(networks: readonly ExportNetwork[]): readonly number[] {
  return [...new Set(networks.flatMap(({ options }) => options.map(([code]) => code)))];
}

function hostLine(
  label: string,
  host: { readonly mac: MacAddress; readonly name: string; readonly address?: Ipv4Address },
): string {
  const address = host.address === undefined ? "" : ` fixed-address ${host.address};`;
  return `host ${label} { hardware ethernet ${host.mac};${address} option host-name "${host.name}"; }`;
}

const className = ({ node }: UuidNode): string => `node-${node.name}`;

/** dhcpd's host declarations know nothing of a UUID, which only firmware, iPXE and Ingot's ramdisk tell: classes do. */
function classLines(all: readonly UuidNode[]): readonly string[] {
  const byName = new Map(all.map((one) => [className(one), one]));
  return byName.size === 0
    ? []
    : [
        "option machine-uuid code 97 = string;",
        ...[...byName].map(
          ([name, { uuid, node }]) =>
            `class "${name}" { match if option machine-uuid = ${toHex(clientUuidValue(uuid), ":")}; option host-name "${node.name}"; }`,
        ),
      ];
}

function poolLines(site: ExportSite, network: ExportNetwork): readonly string[] {
  const byUuid = uuidNodes(site, network);
  const own = byUuid.flatMap((one) => (one.ip === undefined ? [] : [{ ...one, ip: one.ip }]));
  const members = byUuid
    .filter(({ ip }) => ip === undefined)
    .map((one) => ` allow members of "${className(one)}";`);
  const allowed =
    members.length === 0 ? " deny unknown-clients;" : ` allow known-clients;${members.join("")}`;
  return [
    ...poolWithout(
      network.pool,
      own.map(({ ip }) => ip),
    ).map(({ from, to }) => `  pool { range ${from} ${to};${allowed} }`),
    ...own.map((one) => `  pool { range ${one.ip}; allow members of "${className(one)}"; }`),
  ];
}

function subnetLines(site: ExportSite, network: ExportNetwork): readonly string[] {
  const { subnet, router, dns, domain, leaseSeconds, options, server } = network;
  return [
    `subnet ${subnet.network} netmask ${cidrNetmask(subnet)} {`,
    `  option broadcast-address ${cidrBroadcast(subnet)};`,
    ...(router === undefined ? [] : [`  option routers ${router};`]),
    ...(dns.length === 0 ? [] : [`  option domain-name-servers ${dns.join(", ")};`]),
    ...(domain === undefined ? [] : [`  option domain-name "${domain}";`]),
    ...options.map(([code, value]) => `  option site-${code} ${toHex(value, ":")};`),
    `  default-lease-time ${leaseSeconds};`,
    `  max-lease-time ${leaseSeconds};`,
    ...poolLines(site, network),
    `  next-server ${server};`,
    ...bootChoices(network).flatMap((choice, index) => choiceLines(choice, index === 0 ? "if" : "} elsif")),
    "  }",
    "}",
  ];
}

function choiceLines(choice: BootChoice, keyword: string): readonly string[] {
  // Options are compared as bytes.
  const arch = choice.arch.map(
    (code) => `option client-architecture = 00:${code.toString(16).padStart(2, "0")}`,
  );
  const one = arch.length === 1 ? (arch[0] ?? "") : `(${arch.join(" or ")})`;
  const test = choice.isIpxe ? `option user-class = "iPXE" and ${one}` : one;
  return [
    `  ${keyword} ${test} {`,
    ...(choice.isHttp ? ['    option vendor-class-identifier "HTTPClient";'] : []),
    `    filename "${choice.file}";`,
  ];
}
