import { cidrNetmask } from "../../base/net-types.ts";
import { collect, ok } from "../../base/result.ts";
import { type BootChoice, bootChoices, firmwareKinds } from "./boot-choices.ts";
import { dnsmasqOption } from "./dnsmasq-option.ts";
import {
  checkedNetworks,
  type ExportNetwork,
  type ExportSite,
  notice,
  pooledNodes,
  type Render,
  reservations,
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
    "dhcp-ignore=tag:!known",
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

function networkLines(
  site: ExportSite,
  at: { readonly network: ExportNetwork; readonly tag: string; readonly options: readonly string[] },
): readonly string[] {
  const { network, tag } = at;
  const { subnet, router, dns, domain, leaseSeconds, pool } = network;
  const lease = `${Math.max(leaseSeconds, 120)}`;
  // A card that may be in one of several hosts' lines: all cards of a node stand in one, since they share its address.
  const hosts = new Map(reservations(site, network).map(({ node }) => [node.name, node]));
  return [
    `dhcp-range=set:${tag},${subnet.network},static,${cidrNetmask(subnet)},${lease}`,
    ...(pool === undefined
      ? []
      : [`dhcp-range=set:${tag},${pool.from},${pool.to},${cidrNetmask(subnet)},${lease}`]),
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
