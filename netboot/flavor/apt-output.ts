/** Parsers for what apt prints: the closure of an installation, and the records of packages. */
import { err, ok, type Result } from "../../base/result.ts";

/** A package file that can be had: what `apt-cache show` says of one version. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly section: string;
  readonly size: number;
  readonly sha256: string;
  /** The value of `Depends`. */
  readonly depends: string;
}

/** `NAME=VERSION` of every line `Inst NAME (VERSION ARCHIVE [ARCH])` of `apt-get --simulate install`. */
export function parseSimulation(text: string): readonly string[] {
  return Array.from(
    text.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm),
    ([, name, version]) => `${name}=${version}`,
  );
}

/** The records of `apt-cache show`; of records with the same name, version and architecture the first counts. */
export function parseRecords(text: string): Result<readonly PackageRecord[], string> {
  const records = new Map<string, PackageRecord>();
  for (const paragraph of text.split(/\n\s*\n/)) {
    if (paragraph.trim() === "") {
      continue;
    }
    const record = parseRecord(paragraph);
    if (!record.ok) {
      return record;
    }
    const { name, version, architecture } = record.value;
    const key = `${name} ${version} ${architecture}`;
    if (!records.has(key)) {
      records.set(key, record.value);
    }
  }
  return ok([...records.values()]);
}

/** The package that a metapackage of the kernel (`linux-image-amd64`) stands for. */
export function kernelPackage(record: PackageRecord): Result<string, string> {
  const match = /\b(linux-image-\d\S*)(?: \(= ([^)]+)\))?/.exec(record.depends);
  return match?.[1] === undefined
    ? err(`package ${record.name} depends on no kernel: '${record.depends}'`)
    : ok(match[2] === undefined ? match[1] : `${match[1]}=${match[2]}`);
}

/** The name `apt-get download` gives a package's file: an epoch's colon is written `%3a`. */
export function packageFileName(record: PackageRecord): string {
  return `${record.name}_${record.version.replaceAll(":", "%3a")}_${record.architecture}.deb`;
}

function parseRecord(paragraph: string): Result<PackageRecord, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split("\n")) {
    const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      fields.set(match[1], match[2]);
    }
  }
  const name = fields.get("Package") ?? "";
  const version = fields.get("Version") ?? "";
  const architecture = fields.get("Architecture") ?? "";
  const size = Number(fields.get("Size"));
  const sha256 = fields.get("SHA256") ?? "";
  const valid =
    /^[a-z0-9][a-z0-9+.-]*$/.test(name) &&
    /^[A-Za-z0-9.+~:-]+$/.test(version) &&
    /^[a-z0-9-]+$/.test(architecture);
  if (!valid || !Number.isSafeInteger(size) || !/^[0-9a-f]{64}$/.test(sha256)) {
    return err(
      `package record lacks a proper name, version, architecture, size or SHA256: '${paragraph.slice(0, 200)}'`,
    );
  }
  const section = fields.get("Section") ?? "";
  return ok({ name, version, architecture, section, size, sha256, depends: fields.get("Depends") ?? "" });
}
