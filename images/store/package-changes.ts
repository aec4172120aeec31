/** What changed among a system's packages, from two versions' lists of them: dpkg's `var/lib/dpkg/status`, or what `rpm -qa` printed. */

export interface PackageChange {
  /** `libc6`, or `libc6:i386` where a second architecture has it too. */
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
  readonly kind: "added" | "removed" | "upgraded" | "downgraded";
}

/** Compares two lists of dpkg; either may be absent. Sorted by name. */
export function packageChanges(before: string, after: string): readonly PackageChange[] {
  return changesBetween(installedPackages(before), installedPackages(after), compareVersions);
}

/** What rpm is asked to print of each package for {@link rpmPackageChanges}. */
export const rpmQueryFormat = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n";

/** Compares two lists of rpm; either may be absent. Sorted by name. */
export function rpmPackageChanges(before: string, after: string): readonly PackageChange[] {
  return changesBetween(rpmPackages(before), rpmPackages(after), compareRpmVersions);
}

function changesBetween(
  old: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
  compare: (a: string, b: string) => number,
): readonly PackageChange[] {
  const changes: PackageChange[] = [];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === undefined && is !== undefined) {
      changes.push({ name, after: is, kind: "added" });
    } else if (was !== undefined && is === undefined) {
      changes.push({ name, before: was, kind: "removed" });
    } else if (was !== undefined && is !== undefined && was !== is) {
      const kind = compare(was, is) > 0 ? "downgraded" : "upgraded";
      changes.push({ name, before: was, after: is, kind });
    }
  }
  return changes;
}

/** Name and version of each package whose files are there. */
function installedPackages(status: string): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  const foreign: { readonly name: string; readonly arch: string; readonly version: string }[] = [];
  for (const paragraph of status.split(/\n\s*\n/)) {
    const field = (name: string) => new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1]?.trim();
    const [name, version, state = "", arch = ""] = ["Package", "Version", "Status", "Architecture"].map(
      field,
    );
    if (name === undefined || version === undefined || !state.endsWith(" installed")) {
      continue;
    }
    if (versions.has(name)) {
      foreign.push({ name, arch, version });
    } else {
      versions.set(name, version);
    }
  }
  for (const { name, arch, version } of foreign) {
    versions.set(`${name}:${arch}`, version);
  }
  return versions;
}

/**
 * Of rpm, several versions of a package may be installed at once (kernels): each but the newest has its version in its name. The keys
 * of signatures, which rpm lists as packages, are none.
 */
function rpmPackages(list: string): ReadonlyMap<string, string> {
  const found = new Map<string, { readonly arch: string; readonly version: string }[]>();
  for (const line of list.split("\n")) {
    const [name, arch, version] = line.split("\t");
    if (name !== undefined && arch !== undefined && version !== undefined && name !== "gpg-pubkey") {
      found.set(name, [...(found.get(name) ?? []), { arch, version }]);
    }
  }
  const versions = new Map<string, string>();
  for (const [name, several] of found) {
    const [first, ...others] = several.sort(
      (a, b) => compareRpmVersions(b.version, a.version) || (a.arch < b.arch ? -1 : 1),
    );
    versions.set(name, first?.version ?? "");
    for (const { arch, version } of others) {
      versions.set(arch === first?.arch ? `${name}-${version}` : `${name}.${arch}`, version);
    }
  }
  return versions;
}

/** Compares two of `EPOCH:VERSION-RELEASE` as rpm does. */
export function compareRpmVersions(a: string, b: string): number {
  const [x, y] = [splitVersion(a), splitVersion(b)];
  return (
    x.epoch - y.epoch || compareRpmParts(x.upstream, y.upstream) || compareRpmParts(x.revision, y.revision)
  );
}

/**
 * Stretches of digits and of letters in turn, whatever stands between them: numbers are newer than letters, and more is newer, but
 * a tilde sorts before the end and a caret after it and before everything else.
 */
function compareRpmParts(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => text.match(/\d+|[A-Za-z]+|~|\^/g) ?? []);
  for (let i = 0; i < Math.max(x?.length ?? 0, y?.length ?? 0); i++) {
    const [one, other] = [x?.[i], y?.[i]];
    if (one === other) {
      continue;
    }
    const order = rank(one) - rank(other);
    if (order !== 0) {
      return order;
    }
    const both = /^\d/.test(one ?? "")
      ? compareNumbers(one ?? "", other ?? "")
      : (one ?? "") < (other ?? "")
        ? -1
        : 1;
    if (both !== 0) {
      return both;
    }
  }
  return 0;
}

function rank(part: string | undefined): number {
  if (part === undefined) {
    return 1;
  }
  return part === "~" ? 0 : part === "^" ? 2 : /^\d/.test(part) ? 4 : 3;
}

/** Compares two versions as deb-version(7) says. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [splitVersion(a), splitVersion(b)];
  return x.epoch - y.epoch || compareParts(x.upstream, y.upstream) || compareParts(x.revision, y.revision);
}

function splitVersion(text: string) {
  const colon = text.indexOf(":");
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(text.slice(0, colon), 10) || 0,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Stretches without digits and numbers take turns. */
function compareParts(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => [...text.matchAll(/(\D*)(\d*)/g)]);
  for (let i = 0; i < Math.max(x?.length ?? 0, y?.length ?? 0); i++) {
    const [, text = "", number = ""] = x?.[i] ?? [];
    const [, otherText = "", otherNumber = ""] = y?.[i] ?? [];
    const order = compareText(text, otherText) || compareNumbers(number, otherNumber);
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

/** A tilde sorts before everything, even the end; letters before other characters. */
function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a.charAt(i)) - weight(b.charAt(i));
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

function weight(character: string): number {
  if (character === "~") {
    return -1;
  }
  if (character === "") {
    return 0;
  }
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}

/** Numbers of any length. */
function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
