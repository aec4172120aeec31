/**
 * Trees for a site's own PXELINUX (lpxelinux.0) or GRUB: unknown machines go to their disk; a known one fetches its configuration from
 * Ingot by TFTP, since what it shall boot, and with which token, is decided when it boots.
 */
import { cidrContains, type Ipv4Address } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { grubName, pxelinuxName } from "../../netboot/boot-files/names.ts";
import {
  checkedNetworks,
  type ExportFile,
  type ExportNetwork,
  type ExportNode,
  type ExportSite,
  notice,
  type Render,
} from "./site.ts";

export const renderPxelinuxTree: Render = (site) => {
  const networks = checkedNetworks(site);
  return networks.ok
    ? ok([
        { name: "pxelinux.cfg/default", text: `${leftOut(site)}${pxelinux("LOCALBOOT 0")}` },
        ...perCard(site, networks.value).map(({ mac, server }): ExportFile => {
          const name = pxelinuxName(mac);
          return { name, text: pxelinux(`CONFIG ${server}::${name}`) };
        }),
      ])
    : networks;
};

export const renderGrubTree: Render = (site) => {
  const networks = checkedNetworks(site);
  return networks.ok
    ? ok([
        { name: "grub/grub.cfg", text: `# ${notice}\n${ownConfig}exit 1\n` },
        ...perCard(site, networks.value).map(({ mac, server }): ExportFile => {
          const name = grubName(mac);
          return { name, text: fetched(`(tftp,${server})/${name}-$grub_cpu`) };
        }),
        ...uuidOnly(site).map((node): ExportFile => {
          const card = `(tftp,${serverOf(node, networks.value)})/grub/grub.cfg-01-$net_default_mac`;
          return { name: `grub/grub.cfg-${node.uuid}`, text: fetched(`${card}-$grub_cpu-${node.uuid}`) };
        }),
      ])
    : networks;
};

/** A signed GRUB reads only `grub.cfg`; GRUB itself looks for the card's file first. */
const ownConfig = [
  "regexp --set=1:a --set=2:b --set=3:c --set=4:d --set=5:e --set=6:f '^(..):(..):(..):(..):(..):(..)$' $net_default_mac",
  "if [ -s $prefix/grub.cfg-01-$a-$b-$c-$d-$e-$f ]; then",
  "  configfile $prefix/grub.cfg-01-$a-$b-$c-$d-$e-$f",
  "fi",
  "insmod smbios",
  "smbios --type 1 --get-uuid 8 --set uuid",
  'if [ -n "$uuid" -a -s "$prefix/grub.cfg-$uuid" ]; then',
  '  configfile "$prefix/grub.cfg-$uuid"',
  "fi",
  "",
].join("\n");

/** Back to the firmware's next option where Ingot is away. */
function fetched(file: string): string {
  return `# ${notice}\nconfigfile ${file}\nexit 1\n`;
}

function uuidOnly(site: ExportSite): readonly (ExportNode & { readonly uuid: string })[] {
  return site.nodes.flatMap((node) => {
    const { uuid } = node;
    return uuid === undefined || node.macs.length > 0 ? [] : [{ ...node, uuid }];
  });
}

function leftOut(site: ExportSite): string {
  return uuidOnly(site)
    .map(
      ({ name, uuid }) =>
        `# Left out: ${name}, known by its UUID ${uuid} alone. PXELINUX cannot tell Ingot which machine it is on but by a card's own file: give the node a MAC.\n`,
    )
    .join("");
}

function pxelinux(command: string): string {
  return `# ${notice}\nDEFAULT ingot\nPROMPT 0\nLABEL ingot\n  ${command}\n`;
}

/** Every known card, with the Ingot server of its network; a node without an address is in the first one. */
function perCard(site: ExportSite, networks: readonly ExportNetwork[]) {
  return site.nodes.flatMap((node) => {
    const server = serverOf(node, networks);
    return server === undefined ? [] : node.macs.map((mac) => ({ mac, server }));
  });
}

function serverOf({ ip }: ExportNode, networks: readonly ExportNetwork[]): Ipv4Address | undefined {
  const own = networks.find(({ subnet }) => ip !== undefined && cidrContains(subnet, ip));
  return (own ?? networks[0])?.server;
}
