/** What another DHCP server must tell which firmware so that it boots from Ingot: docs/boot-process.md, steps 1 and 3, as a table. */
import { defaultLoaders } from "../../netboot/arch.ts";
import { loaderPath, scriptPath } from "../../netboot/boot-files/names.ts";
import type { ExportNetwork } from "./site.ts";

export interface BootChoice {
  /** A name for classes and tags. */
  readonly name: string;
  /** Numbers of option 93. */
  readonly arch: readonly number[];
  readonly isIpxe: boolean;
  /** Boots by HTTP: option 60 is echoed as `HTTPClient`. */
  readonly isHttp: boolean;
  readonly file: string;
}

/** iPXE comes first: it has the firmware's architecture too. iPXE itself puts its MAC in. */
export function bootChoices(network: ExportNetwork): readonly BootChoice[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
  const script = `${network.httpBase}${scriptPath}?mac=${"${net0/mac}"}`;
  const { "bios-x86": bios = "", "uefi-x64": uefi = "", "uefi-arm64": arm = "" } = defaultLoaders;
  const loader = `${network.httpBase}${loaderPath}/${uefi}`;
  return [
    { name: "ipxe-bios", arch: [0], isIpxe: true, isHttp: false, file: `${script}&arch=0` },
    { name: "ipxe-uefi", arch: [7, 9], isIpxe: true, isHttp: false, file: `${script}&arch=7` },
    { name: "bios", arch: [0], isIpxe: false, isHttp: false, file: bios },
    { name: "uefi", arch: [7, 9], isIpxe: false, isHttp: false, file: uefi },
    { name: "uefi-arm64", arch: [11], isIpxe: false, isHttp: false, file: arm },
    { name: "http", arch: [16], isIpxe: false, isHttp: true, file: loader },
  ];
}
