/** What changed among a Debian system's packages, from the two versions' lists of installed packages (`var/lib/dpkg/status`). */

export interface PackageChange {
  /** `libc6`, or `libc6:i386` where a second architecture has it too. */
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
  readonly kind: "added" | "removed" | "upgraded" | "downgraded";
}

/** Compares two lists; either may be absent. Sorted by name. */
export function packageChanges(before: string, after: string): readonly PackageChange[] {
  const [old, now] = [installedPackages(before), installedPackages(after)];
  const changes: PackageChange[] = [];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === undefined && is !== undefined) {
      changes.push({ name, after: is, kind: "added" });
    } else if (was !== undefined && is === undefined) {
      changes.push({ name, before: was, kind: "removed" });
    } else if (was !== undefined && is !== undefined && was !== is) {
      const kind = compareVersions(was, is) > 0 ? "downgraded" : "upgraded";
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
