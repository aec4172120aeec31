/** The rules that test/architecture.test.ts carries out. docs/architecture.md explains them. */

/** The folder order: base below images and netboot, images below autoinstall, server on top. */
const foldersBelow: Readonly<Record<string, readonly string[]>> = {
  base: ["base"],
  images: ["base", "images"],
  autoinstall: ["base", "images", "autoinstall"],
  netboot: ["base", "netboot"],
  server: ["base", "images", "autoinstall", "netboot", "server"],
};

/** autoinstall may see of images only plain values: types of entries, manifests and facts. */
const autoinstallSeesOfImages: ReadonlySet<string> = new Set([
  "images/entry.ts",
  "images/manifest.ts",
  "images/capture/facts.ts",
]);

export function mayImportFolder(from: string, to: string): boolean {
  const [fromFolder = "", toFolder = ""] = [from.split("/")[0], to.split("/")[0]];
  if (fromFolder === "autoinstall" && toFolder === "images") {
    return autoinstallSeesOfImages.has(to);
  }
  return (foldersBelow[fromFolder] ?? []).includes(toFolder);
}

/** Modules without effects that pure files may import. */
export const pureModules: ReadonlySet<string> = new Set([
  "diff",
  "zod",
  "fast-xml-parser",
  "yaml",
  "node:util",
  "node:path",
  "node:url",
]);

/** Who may import what: path prefixes. A package that is not listed may not be imported at all. */
export const packageImporters: Readonly<Record<string, readonly string[]>> = {
  ssh2: ["images/remote/ssh-session.ts"],
  "tar-stream": ["netboot/flavor/deb-reader.ts"],
  "fast-xml-parser": ["autoinstall/xml.ts"],
  diff: ["server/cli/text-diff.ts"],
  express: ["server/http.ts"],
  "better-sqlite3": ["server/state/database.ts"],
  yaml: ["server/config/"],
  zod: [
    "server/config/schema.ts",
    "server/api/schema/",
    "images/manifest.ts",
    "images/capture/",
    "images/container/",
  ],
  tftp: ["netboot/probe/tftp-probe.ts"],
  dhcp: ["netboot/probe/dhcp-peer.ts"],
  "node:dgram": ["netboot/node-udp.ts"],
  "node:child_process": ["base/process.ts"],
};

/** Uses of clock, randomness, timers, console and process: for shell files only. */
export const worldlyGlobals: readonly RegExp[] = [
  /\bDate\.now\(/,
  /\bnew Date\(\)/,
  /\bMath\.random\(/,
  /\bsetTimeout\(/,
  /\bsetInterval\(/,
  /\bconsole\.(?:log|error|warn|info|debug)\(/,
  /\bprocess\.(?:env|argv|exit|exitCode|pid|cwd|getuid|kill|on|once|std\w+|platform|hrtime|memoryUsage|version)\b/,
];
