/** A machine with no tools but busybox's, and everything in its tree that a filesystem can hold. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { shell } from "./client-tree.ts";
import { makeRichTree } from "./rich-tree.ts";

/** The static busybox of this machine's Debian, or another one that is to be tried. */
export const debianBusybox = process.env["INGOT_TEST_BUSYBOX"] ?? "/bin/busybox";

/** Makes the tree at `root`; `rich` unless told that it is bare. */
export function makeSmallTree(
  root: string,
  options: { readonly busybox?: string; readonly bare?: boolean },
): void {
  mkdirSync(root, { recursive: true });
  if (options.bare !== true) {
    makeRichTree(root);
  }
  shell(`cd '${root}'; mkdir -p bin dev proc sys run tmp root etc/systemimager; chmod 1777 tmp
    echo 'ID=small' >etc/os-release; echo layout >etc/systemimager/autoinstallscript.conf`);
  if (options.busybox !== undefined) {
    shell(`cd '${root}'; cp '${options.busybox}' bin/busybox
      bin/busybox --list | grep -vx busybox | while read -r name; do ln -sf busybox "bin/$name"; done`);
  }
}

/** What rsync sees between two trees beside what busybox's tools cannot keep: attributes, fractions of seconds where told. */
export function rsyncDifferencesOfSmall(from: string, to: string, extra: readonly string[]): string {
  return execFileSync(
    "rsync",
    ["-naH", "--numeric-ids", "--delete", "--checksum", "--itemize-changes", ...extra, `${from}/`, `${to}/`],
    { encoding: "latin1", maxBuffer: 64 * 1024 * 1024, cwd: path.dirname(from) },
  );
}
