/** The decision on a host's key: trust on first use, refuse on change. On raw key blobs; showing them is the session's work. */
import { ByteReader, Truncated } from "../../base/byte-cursor.ts";
import { equalBytes, toLatin1 } from "../../base/bytes.ts";

export type HostKeyVerdict =
  /** Nothing is known of this host: pin the key once the key exchange has proved that the host holds it. */
  | { readonly kind: "first-contact" }
  | { readonly kind: "known" }
  | { readonly kind: "changed"; readonly pinned: readonly Uint8Array[] };

/** Judges the key that a host shows against those pinned for it. */
export function judgeHostKey(pinned: readonly Uint8Array[], shown: Uint8Array): HostKeyVerdict {
  if (pinned.length === 0) {
    return { kind: "first-contact" };
  }
  return pinned.some((key) => equalBytes(key, shown)) ? { kind: "known" } : { kind: "changed", pinned };
}

/** The key format's name, the first string of a public key blob (RFC 4253 section 6.6); undefined where it has none. */
export function hostKeyType(key: Uint8Array): string | undefined {
  const reader = new ByteReader(key);
  try {
    const length = reader.u32();
    const name = length <= 64 ? toLatin1(reader.bytes(length)) : "";
    return /^[\x21-\x7e]+$/.test(name) ? name : undefined;
  } catch (error) {
    if (error instanceof Truncated) {
      return undefined;
    }
    throw error;
  }
}

/** Signature algorithms by key type, the strongest first (RFC 8332 for RSA). */
const algorithmsOfType: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
};

/**
 * Host key algorithms in the order to offer. Those of pinned keys come first, so that a host with several keys shows the one
 * that is pinned rather than one that looks changed.
 */
export function hostKeyAlgorithms(pinned: readonly Uint8Array[]): readonly string[] {
  const ofPinned = pinned.flatMap((key) => algorithmsOfType[hostKeyType(key) ?? ""] ?? []);
  return [...new Set([...ofPinned, ...Object.values(algorithmsOfType).flat()])];
}
