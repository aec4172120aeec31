/**
 * Trees for a site's own PXELINUX (lpxelinux.0) or GRUB: unknown machines go to their disk; a known one fetches its configuration from
 * Ingot by TFTP, since what it shall boot, and with which token, is decided when it boots.
 */
import { cidrContains } from "../../base/net-types.ts";
import { ok } from "../../base/result.ts";
import { grubName, pxelinuxName } from "../../netboot/boot-files/names.ts";
import {
  checkedNetworks,
  type ExportFile,
  type ExportNetwork,
  type ExportSite,
  notice,
  type Render,
} from "./site.ts";

export const renderPxelinuxTree: Render = (site) => {
  const networks = checkedNetworks(site);
  return networks.ok
    ? ok([
        { name: "pxelinux.cfg/default", text: pxelinux("LOCALBOOT 0") },
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
          // Back to the firmware's next option where Ingot is away.
          return { name, text: `# ${notice}\nconfigfile (tftp,${server})/${name}-$grub_cpu\nexit 1\n` };
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
  "",
].join("\n");

function pxelinux(command: string): string {
  return `# ${notice}\nDEFAULT ingot\nPROMPT 0\nLABEL ingot\n  ${command}\n`;
}

/** Every known card, with the Ingot server of its network; a node without an address is in the first one. */
function perCard(site: ExportSite, networks: readonly ExportNetwork[]) {
  return site.nodes.flatMap(({ macs, ip }) => {
    const network =
      networks.find(({ subnet }) => ip !== undefined && cidrContains(subnet, ip)) ?? networks[0];
    return network === undefined ? [] : macs.map((mac) => ({ mac, server: network.server }));
  });
}
