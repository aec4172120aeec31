import { toHex } from "../../base/bytes.ts";
import { cidrNetmask } from "../../base/net-types.ts";
import { collect, ok } from "../../base/result.ts";
import { clientUuidValue } from "../../netboot/dhcp/pxe-options.ts";
import { type BootChoice, bootChoices, firmwareKinds } from "./boot-choices.ts";
import { dnsmasqOption } from "./dnsmasq-option.ts";
import {
  checkedNetworks,
  type ExportNetwork,
  type ExportSite,
  notice,
  pooledNodes,
  poolWithout,
  type Render,
  reservations,
  uuidNodes,
} from "./site.ts";

/** Renders a file for /etc/dnsmasq.d of dnsmasq 2.8x: known machines only. */
export const renderDnsmasq: Render = (site) => {
  const networks = checkedNetworks(site);
  if (!networks.ok) {
    return networks;
  }
  const options = collect(networks.value.map((network) => collect(network.options.map(dnsmasqOption))));
  if (!options.ok) {
    return options;
  }
  const lines = [
    `# ${notice}`,
    ...knownLines(site, networks.value),
    "dhcp-authoritative",
    "# iPXE tells its features in option 175.",
    "dhcp-match=set:ipxe,175",
    ...Object.entries(firmwareKinds).flatMap(([name, { arch }]) =>
      arch.map((code) => `dhcp-match=set:${name},option:client-arch,${code}`),
    ),
    ...networks.value.flatMap((network, index) => [
      "",
      ...networkLines(site, { network, tag: `net${index + 1}`, options: options.value[index] ?? [] }),
    ]),
    "",
    ...pooledNodes(site).map(({ name, macs }) => `dhcp-host=${macs.join(",")},${name}`),
  ];
  return ok([{ name: "ingot.conf", text: `${lines.join("\n").trimEnd()}\n` }]);
};

/** A machine's UUID gives it a tag of its own, which counts as being known. */
function knownLines(site: ExportSite, networks: readonly ExportNetwork[]): readonly string[] {
  const all = new Map(
    networks.flatMap((network) => uuidNodes(site, network)).map((one) => [one.node.name, one]),
  );
  if (all.size === 0) {
    return ["dhcp-ignore=tag:!known"];
  }
  const pooled = [...all.values()].filter(({ ip }) => ip === undefined);
  return [
    ...[...all.values()].flatMap(({ uuid, node }) => [
      `dhcp-match=set:node-${node.name},97,${toHex(clientUuidValue(uuid), ":")}`,
      `tag-if=set:ingot,tag:node-${node.name}`,
      `dhcp-option=tag:node-${node.name},12,${node.name}`,
    ]),
    "tag-if=set:ingot,tag:known",
    "tag-if=set:ingot-pooled,tag:known",
    ...pooled.map(({ node }) => `tag-if=set:ingot-pooled,tag:node-${node.name}`),
    "dhcp-ignore=tag:!ingot",
  ];
}

function rangeLines(
  site: ExportSite,
  at: { readonly network: ExportNetwork; readonly tag: string; readonly lease: string },
): readonly string[] {
  const { network, tag, lease } = at;
  const netmask = cidrNetmask(network.subnet);
  const byUuid = uuidNodes(site, network);
  const own = byUuid.flatMap(({ ip, node }) => (ip === undefined ? [] : [{ ip, node }]));
  // Else a machine with an address of its own could be given another.
  const only = byUuid.length > 0 ? "tag:ingot-pooled," : "";
  return [
    `dhcp-range=set:${tag},${network.subnet.network},static,${netmask},${lease}`,
    ...poolWithout(
      network.pool,
      own.map(({ ip }) => ip),
    ).map(({ from, to }) => `dhcp-range=${only}set:${tag},${from},${to},${netmask},${lease}`),
    ...own.map(
      ({ ip, node }) => `dhcp-range=tag:node-${node.name},set:${tag},${ip},${ip},${netmask},${lease}`,
    ),
  ];
}

function networkLines(
  site: ExportSite,
  at: { readonly network: ExportNetwork; readonly tag: string; readonly options: readonly string[] },
): readonly string[] {
  const { network, tag } = at;
  const { router, dns, domain, leaseSeconds } = network;
  const lease = `${Math.max(leaseSeconds, 120)}`;
  // A card that may be in one of several hosts' lines: all cards of a node stand in one, since they share its address.
  const hosts = new Map(reservations(site, network).map(({ node }) => [node.name, node]));
  return [
    ...rangeLines(site, { network, tag, lease }),
    `dhcp-option=tag:${tag},option:router${router === undefined ? "" : `,${router}`}`,
    ...(dns.length === 0 ? [] : [`dhcp-option=tag:${tag},option:dns-server,${dns.join(",")}`]),
    ...(domain === undefined ? [] : [`dhcp-option=tag:${tag},option:domain-name,${domain}`]),
    ...at.options.map((option) => `dhcp-option=tag:${tag},${option}`),
    ...bootChoices(network).flatMap((choice) => bootLines(choice, { tag, server: network.server })),
    ...[...hosts.values()].map(({ macs, ip, name }) => `dhcp-host=${macs.join(",")},${ip},${name}`),
  ];
}

function bootLines(
  choice: BootChoice,
  at: { readonly tag: string; readonly server: string },
): readonly string[] {
  const tags = `tag:${at.tag},tag:${choice.firmware},tag:${choice.isIpxe ? "" : "!"}ipxe`;
  return [
    `dhcp-boot=${tags},${choice.file},,${at.server}`,
    ...(choice.isHttp ? [`dhcp-option-force=${tags},60,HTTPClient`] : []),
  ];
}
