/**
 * The boot part of a reply: which file a machine is told to load, and how that is said to its firmware. docs/boot-process.md tells
 * the whole way of a machine through these answers.
 */
import { loaderTarget, speaksHttp } from "../arch.ts";
import { loaderPath, scriptFileName, scriptUrl } from "../boot-files/names.ts";
import type { BootDecision, Machine } from "../booter.ts";
import type { DhcpClient } from "./client.ts";
import { option, textValue } from "./options.ts";
import { ipxeSettings, pxeBootFileOnly } from "./pxe-options.ts";
import type { DhcpSettings } from "./settings.ts";

export interface BootReply {
  /** The message's `file` field. */
  readonly file: string;
  readonly options: readonly (readonly [code: number, value: Uint8Array])[];
}

const fileFieldLimit = 127;

/** What to load. Undefined: nothing, because it asks for nothing, shall be left alone, or no loader is for it. */
export function bootReply(
  client: DhcpClient,
  context: { readonly settings: DhcpSettings; readonly decision: BootDecision | undefined },
): BootReply | undefined {
  const { machine } = client;
  const { settings, decision } = context;
  if (machine === undefined || decision === undefined || decision.kind === "ignore") {
    return undefined;
  }
  if (machine.isIpxe) {
    const file = client.canHttp ? scriptUrl(settings.boot.httpBase, machine) : scriptFileName(machine);
    // An offer without an address counts for iPXE only with PXE's class; one with an address tells it to wait for no other.
    const own =
      settings.mode === "proxy"
        ? ([option.vendorClass, textValue("PXEClient")] as const)
        : ([option.ipxe, ipxeSettings()] as const);
    return { ...fileReply(file), options: [own, ...fileReply(file).options] };
  }
  const loader = loaderFor(machine, settings.boot);
  if (loader === undefined) {
    return undefined;
  }
  if (machine.isHttpBoot) {
    const url = `${settings.boot.httpBase}${loaderPath}/${loader}`;
    // UEFI 2.10 section 24.7.3: the class is echoed and the URL stands in option 67, whatever its length.
    const options = [
      [option.vendorClass, textValue("HTTPClient")],
      [option.bootFile, textValue(url)],
    ] as const;
    return { file: "", options };
  }
  const { file, options } = fileReply(loader);
  const pxe = [
    [option.vendorClass, textValue("PXEClient")],
    [option.vendorInfo, pxeBootFileOnly()],
  ] as const;
  return { file, options: [...pxe, ...options] };
}

function loaderFor(machine: Machine, boot: DhcpSettings["boot"]): string | undefined {
  const target = loaderTarget(machine.arch);
  const loader = boot.loaders[target];
  return machine.isHttpBoot && (loader === undefined || !speaksHttp(loader))
    ? boot.httpLoader?.(target)
    : loader;
}

/** The field is what every ROM reads; a name that is too long for it goes into option 67. */
function fileReply(name: string): BootReply {
  return name.length <= fileFieldLimit
    ? { file: name, options: [] }
    : { file: "", options: [[option.bootFile, textValue(name)]] };
}
