/** What another DHCP server must tell which firmware so that it boots from Ingot: docs/boot-process.md, steps 1 and 3, as a table. */
import { speaksHttp } from "../../netboot/arch.ts";
import { loaderPath, scriptPath } from "../../netboot/boot-files/names.ts";
import { httpLoader } from "../netboot/dhcp-settings.ts";
import type { ExportNetwork } from "./site.ts";

export interface BootChoice {
  /** A name for classes and tags. */
  readonly name: string;
  /** The kind of firmware, also under iPXE. */
  readonly firmware: string;
  /** Numbers of option 93. */
  readonly arch: readonly number[];
  readonly isIpxe: boolean;
  /** Boots by HTTP: option 60 is echoed as `HTTPClient`. */
  readonly isHttp: boolean;
  readonly file: string;
}

/** Kinds of firmware by the name of their class; `uefi` is what 64-bit PCs call themselves, by either number. */
export const firmwareKinds = {
  bios: { arch: [0], target: "bios-x86", isHttp: false },
  uefi: { arch: [7, 9], target: "uefi-x64", isHttp: false },
  "uefi-x86": { arch: [6], target: "uefi-x86", isHttp: false },
  "uefi-arm64": { arch: [11], target: "uefi-arm64", isHttp: false },
  http: { arch: [16], target: "uefi-x64", isHttp: true },
  "http-arm64": { arch: [19], target: "uefi-arm64", isHttp: true },
} as const;

/** iPXE comes first: it has the firmware's architecture too. iPXE itself puts its MAC and UUID in. */
export function bootChoices(network: ExportNetwork): readonly BootChoice[] {
  const kinds = Object.entries(firmwareKinds);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: iPXE's own syntax.
  const script = `${network.httpBase}${scriptPath}?mac=${"${net0/mac}"}&uuid=${"${uuid}"}`;
  return [
    ...kinds
      .filter(([, { isHttp }]) => !isHttp)
      .map(([name, { arch }]) => ({
        ...{ name: `ipxe-${name}`, firmware: name, arch, isIpxe: true, isHttp: false },
        file: `${script}&arch=${arch[0]}`,
      })),
    ...kinds.flatMap(([name, { arch, target, isHttp }]) => {
      const usual = network.loaders[target];
      const loader =
        isHttp && (usual === undefined || !speaksHttp(usual))
          ? httpLoader(target, network.flavorLoaders ?? [])
          : usual;
      if (loader === undefined) {
        return [];
      }
      const file = isHttp ? `${network.httpBase}${loaderPath}/${loader}` : loader;
      return [{ name, firmware: name, arch, isIpxe: false, isHttp, file }];
    }),
  ];
}
