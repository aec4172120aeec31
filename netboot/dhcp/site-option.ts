/** Options that a site wants its machines told and that Ingot itself does not know: time servers, search domains, what telephones ask for. */
import { concatBytes, equalBytes, fromHex, fromLatin1, toLatin1 } from "../../base/bytes.ts";
import type { Ipv4Address } from "../../base/net-types.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { addressesValue, option } from "./options.ts";

/** An option in one of the forms that RFC 2132's are in. `domains` is the list of RFC 3397, as option 119 holds. */
export type SiteOptionValue =
  | { readonly addresses: readonly Ipv4Address[] }
  | { readonly text: string }
  | { readonly domains: readonly string[] }
  | { readonly hex: string };

export type EncodedOption = readonly [code: number, value: Uint8Array];

const tftpServerName = 66;
/** What the server says by itself, or what would lead firmware elsewhere. */
const own: ReadonlySet<number> = new Set([...Object.values(option), tftpServerName]);

export function encodeSiteOption(code: number, value: SiteOptionValue): Result<EncodedOption, string> {
  if (!Number.isInteger(code) || code < 1 || code > 254) {
    return err(`${code} is not the number of an option (1 to 254)`);
  }
  if (own.has(code)) {
    return err(`option ${code} is Ingot's own to say`);
  }
  const bytes = encodeValue(value);
  if (!bytes.ok) {
    return err(`option ${code}: ${bytes.error}`);
  }
  return bytes.value.length === 0 || bytes.value.length > 255
    ? err(`option ${code} is ${bytes.value.length} bytes long; 1 to 255 can be said`)
    : ok([code, bytes.value]);
}

function encodeValue(value: SiteOptionValue): Result<Uint8Array, string> {
  if ("addresses" in value) {
    return ok(addressesValue(value.addresses));
  }
  if ("text" in value) {
    return /^[\x20-\x7e]*$/.test(value.text)
      ? ok(fromLatin1(value.text))
      : err("text is printable ASCII; anything else is written as hex");
  }
  if ("domains" in value) {
    return encodeDomains(value.domains);
  }
  const bytes = fromHex(value.hex.replace(/[ :]/g, ""));
  return bytes === undefined ? err(`'${value.hex}' is not hexadecimal`) : ok(bytes);
}

/** Labels, each behind its length, and a zero at the end of each name (RFC 1035 section 3.1); not compressed. */
function encodeDomains(domains: readonly string[]): Result<Uint8Array, string> {
  const parts: Uint8Array[] = [];
  for (const domain of domains) {
    const labels = domain.replace(/\.$/, "").split(".");
    if (
      domain.length > 253 ||
      !labels.every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
    ) {
      return err(`'${domain}' is not a domain's name`);
    }
    parts.push(...labels.map((label) => concatBytes([Uint8Array.of(label.length), fromLatin1(label)])));
    parts.push(Uint8Array.of(0));
  }
  return ok(concatBytes(parts));
}

/** The inverse; undefined for what is not such a list, or is compressed. */
export function decodeDomains(value: Uint8Array): readonly string[] | undefined {
  const domains: string[] = [];
  let labels: string[] = [];
  for (let at = 0; at < value.length; ) {
    const length = value[at] as number;
    const label = toLatin1(value.subarray(at + 1, at + 1 + length));
    at += 1 + length;
    if (length > 0) {
      labels.push(label);
    } else {
      domains.push(labels.join("."));
      labels = [];
    }
  }
  const encoded = labels.length === 0 ? encodeDomains(domains) : undefined;
  return encoded?.ok === true && equalBytes(encoded.value, value) ? domains : undefined;
}
