/** What PXE (PXE 2.1, RFC 4578), UEFI HTTP boot and iPXE say in DHCP options. */
import { concatBytes, fromHex, toHex, toLatin1 } from "../../base/bytes.ts";
import { type Options, option, readNested, readText, readU16 } from "./options.ts";

/** iPXE's feature tag for HTTP inside option 175. */
const ipxeHttpFeature = 19;
/** iPXE's setting "do not wait for a proxyDHCP answer" inside option 175. */
const ipxeNoProxy = 0xb0;

/** `PXEClient` or `HTTPClient`, or neither. */
export function bootProtocol(options: Options): "pxe" | "http" | undefined {
  const vendorClass = readText(options, option.vendorClass);
  if (vendorClass?.startsWith("PXEClient") === true) {
    return "pxe";
  }
  return vendorClass?.startsWith("HTTPClient") === true ? "http" : undefined;
}

/** The architecture's number: option 93, else the one in option 60 (`PXEClient:Arch:00007:…`), else 0 as old ROMs are BIOS. */
export function archCode(options: Options): number {
  const spoken = /:Arch:(\d{5})(?::|$)/.exec(readText(options, option.vendorClass) ?? "");
  return readU16(options, option.clientArch) ?? (spoken === null ? 0 : Number(spoken[1]) & 0xffff);
}

/** Where each byte of a UUID's text stands in SMBIOS, and the other way round. */
const smbiosOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

/**
 * The SMBIOS UUID of option 97: a type byte 0 and sixteen bytes, the first three fields little-endian as SMBIOS stores them,
 * so that the text is what `dmidecode` and `/sys/class/dmi/id/product_uuid` show. All zeros or all ones is no UUID.
 */
export function clientUuid(options: Options): string | undefined {
  const value = options.get(option.clientUuid);
  if (value?.length !== 17 || value[0] !== 0) {
    return undefined;
  }
  const hex = toHex(Uint8Array.from(smbiosOrder, (index) => value[index + 1] as number));
  return /^(0+|f+)$/.test(hex)
    ? undefined
    : hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Option 97 of a machine with that UUID: the inverse of {@link clientUuid}. */
export function clientUuidValue(uuid: string): Uint8Array {
  const bytes = fromHex(uuid.replaceAll("-", "")) ?? new Uint8Array(16);
  return Uint8Array.of(0, ...smbiosOrder.map((index) => bytes[index] as number));
}

/** iPXE says so in its user class, as plain text or, as RFC 3004 wants it, after a length byte. */
export function isIpxe(options: Options): boolean {
  const userClass = options.get(option.userClass);
  const text = userClass === undefined ? "" : toLatin1(userClass);
  return text === "iPXE" || text.startsWith("\x04iPXE");
}

/** Whether an iPXE can fetch by HTTP; one that does not list its features is taken to. */
export function ipxeHasHttp(options: Options): boolean {
  const value = options.get(option.ipxe);
  const features = value === undefined ? undefined : readNested(value);
  return features === undefined || features.get(ipxeHttpFeature)?.[0] === 1;
}

/** Option 175 for iPXE: take this answer, wait for no proxyDHCP. */
export function ipxeSettings(): Uint8Array {
  return Uint8Array.of(ipxeNoProxy, 1, 1);
}

/** Option 43 for PXE firmware: discovery control 8, load the named boot file at once, ask no boot server. */
export function pxeBootFileOnly(): Uint8Array {
  return concatBytes([Uint8Array.of(6, 1, 8), Uint8Array.of(option.end)]);
}
