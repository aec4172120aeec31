import { cidrNetmask } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { type BootChoice, bootChoices } from "./boot-choices.ts";
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
  const lines = [
    `# ${notice}`,
    "dhcp-ignore=tag:!known",
    "dhcp-authoritative",
    "# iPXE tells its features in option 175.",
    "dhcp-match=set:ipxe,175",
    ...archTags().map(({ tag, code }) => `dhcp-match=set:${tag},option:client-arch,${code}`),
    ...networks.value.flatMap((network, index) => [
      "",
      ...networkLines(site, { network, tag: `net${index + 1}` }),
    ]),
    "",
    ...pooledNodes(site).map(({ name, macs }) => `dhcp-host=${macs.join(",")},${name}`),
  ];
  return ok([{ name: "ingot.conf", text: `${lines.join("\n").trimEnd()}\n` }]);
};

function archTags(): readonly { readonly tag: string; readonly code: number }[] {
  return [
    { tag: "bios", code: 0 },
    { tag: "uefi", code: 7 },
    { tag: "uefi", code: 9 },
    { tag: "uefi-arm64", code: 11 },
    { tag: "http", code: 16 },
  ];
}

function networkLines(
  site: ExportSite,
  at: { readonly network: ExportNetwork; readonly tag: string },
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
    ...bootChoices(network).flatMap((choice) => bootLines(choice, { tag, server: network.server })),
    ...[...hosts.values()].map(({ macs, ip, name }) => `dhcp-host=${macs.join(",")},${ip},${name}`),
  ];
}

function bootLines(
  choice: BootChoice,
  at: { readonly tag: string; readonly server: string },
): readonly string[] {
  const arch = choice.name.replace("ipxe-", "");
  const tags = `tag:${at.tag},tag:${arch},tag:${choice.isIpxe ? "" : "!"}ipxe`;
  return [
    `dhcp-boot=${tags},${choice.file},,${at.server}`,
    ...(choice.isHttp ? [`dhcp-option-force=${tags},60,HTTPClient`] : []),
  ];
}
