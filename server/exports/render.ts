/** Every kind of export by name. */
import { ok, type Result } from "../../base/result.ts";
import { renderAnsible } from "./ansible.ts";
import { type BindOptions, renderBind } from "./bind.ts";
import { renderDhcpd } from "./dhcpd.ts";
import { renderDnsmasq } from "./dnsmasq.ts";
import { renderHosts } from "./hosts.ts";
import { renderKea } from "./kea.ts";
import { renderGrubTree, renderPxelinuxTree } from "./loader-trees.ts";
import { checkDomain, type ExportFile, type ExportSite, type Render } from "./site.ts";

const renderers = {
  dhcpd: renderDhcpd,
  kea: renderKea,
  dnsmasq: renderDnsmasq,
  pxelinux: renderPxelinuxTree,
  grub: renderGrubTree,
  hosts: renderHosts,
  ansible: renderAnsible,
} as const satisfies Readonly<Record<string, Render>>;

export const exportFormats = [...Object.keys(renderers), "bind"] as readonly ExportFormat[];
export type ExportFormat = keyof typeof renderers | "bind";

export function renderExport(
  format: ExportFormat,
  site: ExportSite,
  options: { readonly bind: BindOptions },
): Result<readonly ExportFile[], string> {
  const domain = site.domain === undefined ? ok("") : checkDomain(site.domain);
  if (!domain.ok) {
    return domain;
  }
  return format === "bind" ? renderBind(site, options.bind) : renderers[format](site);
}
