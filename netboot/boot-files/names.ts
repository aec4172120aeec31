/** Where boot files are found: the paths and queries that DHCP replies name, and the way back from them to a machine. */
import { type MacAddress, parseMac } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { clientArch } from "../arch.ts";
import type { Machine } from "../booter.ts";

/** Path of iPXE scripts on the HTTP boot service. */
export const scriptPath = "/boot/ipxe";
/** Folder of first loaders on the HTTP boot service, for firmware that boots by HTTP. */
export const loaderPath = "/boot/loader";

/** Folder of GRUB's configurations on the HTTP boot service, by the names that they have under TFTP's `grub/`. */
export const grubPath = "/boot/grub";

/** GRUB for UEFI x64, by the name under which a shim asks for it. */
export const grubLoader = "grubx64.efi";

/** The URL at which a machine's iPXE fetches its script. */
export function scriptUrl(httpBase: string, machine: Machine): string {
  const uuid = machine.uuid === undefined ? "" : `&uuid=${machine.uuid}`;
  return `${httpBase}${scriptPath}?mac=${machine.mac}&arch=${machine.arch.code}${uuid}`;
}

/** The machine that a script URL's query names: the inverse of {@link scriptUrl}. */
export function parseScriptQuery(query: URLSearchParams): Result<Machine, string> {
  const mac = parseMac(query.get("mac") ?? "");
  const arch = /^\d{1,5}$/.exec(query.get("arch") ?? "0");
  const uuid = (query.get("uuid") ?? "").toLowerCase();
  if (!mac.ok) {
    return mac;
  }
  if (arch === null || Number(arch[0]) > 0xffff) {
    return err("arch is not the number of a client architecture");
  }
  if (uuid !== "" && !isUuid(uuid)) {
    return err("uuid is not a UUID");
  }
  return ok(ipxeMachine(mac.value, Number(arch[0]), uuid === "" ? undefined : uuid));
}

/** The name under which an iPXE without HTTP fetches its script by TFTP. */
export function scriptFileName(machine: Machine): string {
  return `ipxe/${machine.mac.replaceAll(":", "-")}/${machine.arch.code}.ipxe`;
}

/** What a TFTP name stands for: the inverse of {@link scriptFileName}; anything else is a loader's or site's file. */
export function parseScriptFileName(name: string): Machine | undefined {
  const match = /^ipxe\/([0-9a-f]{2}(?:-[0-9a-f]{2}){5})\/(\d{1,5})\.ipxe$/.exec(name);
  const mac = match?.[1] === undefined ? undefined : parseMac(match[1]);
  const code = Number(match?.[2]);
  return mac?.ok === true && code <= 0xffff ? ipxeMachine(mac.value, code, undefined) : undefined;
}

/** Where PXELINUX looks for a machine's configuration, below the folder it was loaded from. */
export function pxelinuxName(mac: MacAddress): string {
  return `pxelinux.cfg/01-${mac.replaceAll(":", "-")}`;
}

/**
 * The first configuration that a signed GRUB asks for. Its built-in script goes straight there, without looking for the names of
 * {@link grubName} as GRUB itself would.
 */
export const grubEntryName = "grub/grub.cfg";

/** Where GRUB's network images look, below their prefix `grub`. */
export function grubName(mac: MacAddress): string {
  return `grub/grub.cfg-01-${mac.replaceAll(":", "-")}`;
}

/** The architecture of the machines that GRUB runs on, by its `$grub_cpu`; UEFI for PCs where the name does not tell. */
const grubProcessors: Readonly<Record<string, number>> = { arm64: 11, x86_64: 7, i386: 6 };

/**
 * The machine and loader that a configuration's name stands for: the inverse of the two above. Written with colons, and with GRUB's own
 * processor at the end, where a GRUB script puts its variables in; after that the machine's UUID, where a script knows it.
 */
export function parseLoaderConfigName(
  name: string,
): { readonly loader: "pxelinux" | "grub"; readonly machine: Machine } | undefined {
  const match =
    /^(pxelinux\.cfg\/|grub\/grub\.cfg-)01-([0-9a-f]{2}(?:[-:][0-9a-f]{2}){5})(?:-(arm64|x86_64|i386)(?:-([0-9a-f-]{36}))?)?$/i.exec(
      name,
    );
  const mac = match?.[2] === undefined ? undefined : parseMac(match[2]);
  if (mac?.ok !== true) {
    return undefined;
  }
  const loader = match?.[1]?.startsWith("grub") === true ? "grub" : "pxelinux";
  const arch = clientArch(loader === "grub" ? (grubProcessors[match?.[3] ?? ""] ?? 7) : 0);
  // A mainboard without one says zeros.
  const told = match?.[4]?.toLowerCase();
  const uuid = told === undefined || /^[0-]+$|^[f-]+$/.test(told) ? undefined : told;
  return uuid !== undefined && !isUuid(uuid)
    ? undefined
    : {
        loader,
        machine: {
          ...{ mac: mac.value, arch, isIpxe: false, isHttpBoot: false },
          ...(uuid === undefined ? {} : { uuid }),
        },
      };
}

/** A flavor's file on the boot service, `boot/flavors/NAME/FILE`: by HTTP, and by TFTP for loaders that speak nothing else. */
export function parseFlavorFileName(
  name: string,
): { readonly flavor: string; readonly file: string } | undefined {
  const match = /^boot\/flavors\/([^/]+)\/([^/]+)$/.exec(name);
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { flavor: match[1], file: match[2] };
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

function ipxeMachine(mac: MacAddress, code: number, uuid: string | undefined): Machine {
  const arch = clientArch(code);
  return { mac, arch, isIpxe: true, isHttpBoot: false, ...(uuid === undefined ? {} : { uuid }) };
}
