/** The daemon's own certificate authority and server certificate, made with the openssl program at the first start. */
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { Clock } from "../../base/ports.ts";
import { runProcess } from "../../base/process.ts";
import { ensurePrivateFile, writeDurably } from "../state/private-file.ts";

export interface ServerIdentity {
  /** PEM. */
  readonly key: string;
  /** PEM: the server's certificate, then the CA's. */
  readonly certificate: string;
  /** PEM. */
  readonly authority: string;
  /** `sha256//BASE64` of the key's SubjectPublicKeyInfo. It stays the same when the certificate is renewed. */
  readonly pin: string;
}

export interface IdentityOptions {
  readonly folder: string;
  /** DNS names and IP addresses that the certificate is for. */
  readonly names: readonly string[];
  readonly clock: Clock;
}

const authorityDays = 20 * 365;
const certificateDays = 825;
const renewBefore = 60 * 86_400_000;

/** Loads the identity; makes what is missing, and renews a certificate that ends soon or lacks a name. Keys stay. */
export async function loadServerIdentity(options: IdentityOptions): Promise<ServerIdentity> {
  const { folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const caKey = join(folder, "ca.key");
  const caFile = join(folder, "ca.crt");
  const keyFile = join(folder, "server.key");
  await ensurePrivateFile(caKey, newKey);
  const authority = await ensurePrivateFile(caFile, async () => await selfSign(caKey));
  const key = await ensurePrivateFile(keyFile, newKey);
  const certificateFile = join(folder, "server.crt");
  let certificate = await readIfThere(certificateFile);
  if (certificate === undefined || !isCurrent(certificate, authority, options)) {
    certificate = await sign({ keyFile, caKey, caFile, folder, names: options.names });
    await writeDurably(certificateFile, certificate, { mode: 0o644, replace: true });
  }
  return { key, certificate: certificate + authority, authority, pin: pinOf(certificate) };
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function pinOf(certificate: string): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return `sha256//${createHash("sha256").update(spki).digest("base64")}`;
}

function isCurrent(certificate: string, authority: string, options: IdentityOptions): boolean {
  const parsed = new X509Certificate(certificate);
  const names = parsed.subjectAltName ?? "";
  const named = options.names.every((name) =>
    names.split(", ").includes(isIP(name) === 0 ? `DNS:${name}` : `IP Address:${name}`),
  );
  return (
    named &&
    parsed.verify(new X509Certificate(authority).publicKey) &&
    Date.parse(parsed.validTo) - options.clock.now() > renewBefore
  );
}

async function selfSign(caKey: string): Promise<string> {
  return await openssl([
    "req",
    "-x509",
    "-new",
    "-sha256",
    ...["-key", caKey],
    ...["-days", String(authorityDays)],
    ...["-subj", "/CN=Ingot CA"],
    ...["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  ]);
}

async function sign(input: {
  readonly keyFile: string;
  readonly caKey: string;
  readonly caFile: string;
  readonly folder: string;
  readonly names: readonly string[];
}): Promise<string> {
  const request = join(input.folder, "server.csr");
  const extensions = join(input.folder, "server.ext");
  const names = input.names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",");
  const csr = await openssl(["req", "-new", "-sha256", "-key", input.keyFile, "-subj", "/CN=Ingot"]);
  await writeDurably(request, csr, { mode: 0o600, replace: true });
  await writeDurably(
    extensions,
    [
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=critical,digitalSignature",
      "extendedKeyUsage=serverAuth",
      `subjectAltName=${names}`,
      "",
    ].join("\n"),
    { mode: 0o600, replace: true },
  );
  return await openssl([
    ...["x509", "-req", "-sha256", "-in", request],
    ...["-CA", input.caFile, "-CAkey", input.caKey, "-CAcreateserial"],
    ...["-days", String(certificateDays), "-extfile", extensions],
  ]);
}

async function openssl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess(["openssl", ...args], { limit: 1024 * 1024 });
  if (code !== 0) {
    throw new AppError("io", `openssl ${args[0]} failed: ${stderr.trim()}`);
  }
  return Buffer.from(stdout).toString("latin1");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch {
    return undefined;
  }
}
