/**
 * An option's bytes as `dhcp-option` takes them. dnsmasq lets the options that it knows be only what they are: lists of addresses,
 * text or domains; all others are bytes, of which a single one is a decimal number.
 */
import { toHex, toLatin1 } from "../../base/bytes.ts";
import { ipv4FromBytes } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { decodeDomains, type EncodedOption } from "../../netboot/dhcp/site-option.ts";

/** As `dnsmasq --help dhcp` and its `opttab` have them, but for those that Ingot says by itself. */
const addressLists: ReadonlySet<number> = new Set([
  ...[7, 9, 16, 21, 32, 33, 41, 42, 44, 45, 48, 49, 65, 68, 69, 70, 71, 74, 150],
]);
const texts: ReadonlySet<number> = new Set([17, 18, 40, 64, 100, 101]);
const domainSearch = 119;

/** `CODE,VALUE`. */
export function dnsmasqOption([code, value]: EncodedOption): Result<string, string> {
  const text = optionValue(code, value);
  return text.ok ? ok(`${code},${text.value}`) : text;
}

function optionValue(code: number, value: Uint8Array): Result<string, string> {
  const refused = (form: string) => err(`dnsmasq takes option ${code} only as ${form}`);
  if (addressLists.has(code)) {
    return value.length % 4 === 0 ? ok(addresses(value).join(",")) : refused("addresses");
  }
  if (texts.has(code)) {
    const text = toLatin1(value);
    return /^[\x20-\x7e]*$/.test(text)
      ? ok(`"${text.replace(/["\\]/g, "\\$&")}"`)
      : refused("printable text");
  }
  if (code === domainSearch) {
    const domains = decodeDomains(value);
    return domains === undefined ? refused("domains") : ok(domains.join(","));
  }
  return ok(value.length === 1 ? String(value[0]) : toHex(value, ":"));
}

function addresses(value: Uint8Array): readonly string[] {
  return Array.from({ length: value.length / 4 }, (_, index) =>
    ipv4FromBytes(value.subarray(index * 4, index * 4 + 4)),
  );
}
