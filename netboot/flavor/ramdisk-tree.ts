/** Lays out the ramdisk: a merged-/usr system's skeleton, what was chosen from packages, and Ingot's own files, in a fixed order. */
import { fromUtf8 } from "../../base/bytes.ts";
import {
  comparePaths,
  escapePath,
  joinPath,
  parentPath,
  type RelPath,
  rootPath,
} from "../../base/path-bytes.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { RamdiskEntry } from "./cpio.ts";

const skeletonFolders: readonly (readonly [path: string, mode: number])[] = [
  ...[
    "dev",
    "etc",
    "mnt",
    "proc",
    "run",
    "sys",
    "usr",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "var",
    "var/lib",
  ].map((path) => [path, 0o755] as const),
  ["root", 0o700],
  ["tmp", 0o1777],
];

const skeletonLinks: readonly (readonly [path: string, target: string])[] = [
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib", "usr/lib"],
  ["lib64", "usr/lib64"],
  ["usr/bin/sh", "dash"],
  ["etc/mtab", "../proc/self/mounts"],
  ["var/run", "../run"],
  ["var/lock", "../run/lock"],
];

// Groups that udev's rules name; the numbers are Debian's.
const groups = [
  "root:0",
  "tty:5",
  "disk:6",
  "lp:7",
  "kmem:15",
  "dialout:20",
  "cdrom:24",
  "tape:26",
  "audio:29",
];
const moreGroups = ["video:44", "input:101", "sgx:102", "kvm:103", "render:104"];

const skeletonFiles: readonly (readonly [path: string, text: string])[] = [
  ["etc/passwd", "root:*:0:0:root:/root:/usr/lib/busybox/ash\n"],
  ["etc/group", [...groups, ...moreGroups].map((group) => `${group.replace(":", ":x:")}:\n`).join("")],
  ["etc/shells", "/bin/sh\n/usr/lib/busybox/ash\n"],
  ["etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"],
  ["etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"],
  ["etc/os-release", 'NAME="Ingot install ramdisk"\nID=ingot\n'],
];

// The kernel opens /dev/console for the first program before anything is mounted.
const devices = [
  { path: "dev/console", mode: 0o600, major: 5, minor: 1 },
  { path: "dev/null", mode: 0o666, major: 1, minor: 3 },
] as const;

/** What every ramdisk has, whatever is chosen. */
export function skeleton(): readonly RamdiskEntry[] {
  return [
    ...skeletonFolders.map(([path, mode]) => ({ kind: "directory" as const, path: path as RelPath, mode })),
    ...skeletonLinks.map(([path, target]) => ({ kind: "symlink" as const, path: path as RelPath, target })),
    ...skeletonFiles.map(([path, text]) => ({
      kind: "file" as const,
      path: path as RelPath,
      mode: 0o644,
      data: fromUtf8(text),
    })),
    ...devices.map((device) => ({
      kind: "character-device" as const,
      ...device,
      path: device.path as RelPath,
    })),
  ];
}

/**
 * Sorts, adds the folders that paths imply, and checks: a later entry replaces an earlier one of the same path and kind
 * (Ingot's own over a package's), a symlink must end at something, and nothing lies below what is no folder.
 */
export function layTree(entries: Iterable<RamdiskEntry>): Result<readonly RamdiskEntry[], string> {
  const tree = new Map<RelPath, RamdiskEntry>();
  for (const entry of entries) {
    tree.set(entry.path, entry);
  }
  for (const path of [...tree.keys()]) {
    for (let folder = parentPath(path); folder !== rootPath; folder = parentPath(folder)) {
      const above = tree.get(folder);
      if (above !== undefined && above.kind !== "directory") {
        return err(`'${escapePath(path)}' lies below '${escapePath(folder)}', which is no folder`);
      }
      if (above === undefined) {
        tree.set(folder, { kind: "directory", path: folder, mode: 0o755 });
      }
    }
  }
  for (const entry of tree.values()) {
    if (entry.kind === "symlink" && !isRunTime(entry) && resolve(entry.path, tree) === undefined) {
      return err(`symlink '${escapePath(entry.path)}' to '${escapePath(entry.target)}' ends nowhere`);
    }
  }
  return ok([...tree.values()].sort((a, b) => comparePaths(a.path, b.path)));
}

/** The path a symlink (or a path through symlinks) ends at, or undefined where that is not in the tree. */
export function resolve(path: RelPath, tree: ReadonlyMap<RelPath, RamdiskEntry>): RelPath | undefined {
  let open = path.split("/");
  let at = rootPath;
  for (let links = 0; links < 40; ) {
    const name = open.shift();
    if (name === undefined) {
      return at;
    }
    if (name === ".." || name === "." || name === "") {
      at = name === ".." ? parentPath(at) : at;
      continue;
    }
    const next = joinPath(at, name);
    const entry = tree.get(next);
    if (entry === undefined) {
      return undefined;
    }
    if (entry.kind === "symlink") {
      links += 1;
      at = entry.target.startsWith("/") ? rootPath : at;
      open = [...entry.target.split("/"), ...open];
    } else {
      at = next;
    }
  }
  return undefined;
}

/** Links to what exists only while the machine runs. */
function isRunTime(entry: RamdiskEntry): boolean {
  return entry.kind === "symlink" && /^(\.\.)?\/?(proc|run)\//.test(entry.target);
}
