/** A node that updates itself with no tools but busybox's, and the one that busybox has none for: a curl that knows keys. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shell } from "./client-tree.ts";
import { type DaemonProcess, startDaemonProcess } from "./daemon-process.ts";
import { inChroot } from "./debian-tree.ts";
import { debianBusybox, makeSmallTree, rsyncDifferencesOfSmall } from "./small-tree.ts";
import { hasSshd } from "./ssh-server.ts";

/** Mounted by whoever looks into the tree, or the node's own. */
const left = ["/proc", "/sys", "/dev", "/tmp", "/run", "/etc/systemimager/", "/usr/local/", "/var/socket"];

/** This machine's curl and what it is linked with. */
function addCurl(tree: string): void {
  const libraries = execFileSync("ldd", ["/usr/bin/curl"], { encoding: "utf8" }).match(/\/\S+(?= \()/g) ?? [];
  shell(`cd '${tree}'; mkdir -p usr/bin lib lib64; cp /usr/bin/curl usr/bin/
    for f in ${libraries.join(" ")}; do mkdir -p ".\${f%/*}"; cp -L "$f" ".$f"; done`);
}

describe.skipIf(!hasSshd)("a node with busybox alone that pulls", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ingot-pull-small-"));
  const node = path.join(folder, "node");
  let daemon: DaemonProcess;
  let tree = "";

  beforeAll(async () => {
    daemon = await startDaemonProcess(folder);
    tree = path.join(daemon.state, "images/small");
    makeSmallTree(tree, { busybox: debianBusybox });
    addCurl(tree);
    makeSmallTree(node, { busybox: debianBusybox, bare: true });
    addCurl(node);
    daemon.ingot(["image", "commit", "small", "-m", "first"]);
    shell(
      `cd '${node}'; mkdir -p srv/gone home/anna; echo old >srv/gone/file; echo hers >home/anna/file; echo in-the-way >empty; ln -s srv sticky`,
    );
  });

  afterAll(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("installs the commands, is brought to a version, and has nothing to do then", () => {
    const installed = inChroot(node, daemon.ingot(["client"]));
    expect(installed, installed.stderr).toMatchObject({ code: 0 });

    const result = inChroot(node, "si_updateclient --image small --yes");

    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
    expect(result.stdout).toContain("This machine is at small@1.");
    const excludes = [...left, "/home/*", "/etc/hostname"].map((each) => `--exclude=${each}`);
    expect(rsyncDifferencesOfSmall(tree, node, excludes)).toBe("");
    expect(readFileSync(path.join(node, "home/anna/file"), "utf8")).toBe("hers\n");
    expect(inChroot(node, "si_updateclient --image small --dry-run").stdout).toMatch(
      /: 0 to write \(0 B\), 0 to adjust, 0 to delete/,
    );
  });

  test("goes on to a later version", () => {
    shell(`cd '${tree}'; echo new >srv/new; rm -rf empty; mkdir empty; echo changed >etc/os-release`);
    daemon.ingot(["image", "commit", "small", "-m", "second"]);

    const result = inChroot(node, "si_updateclient --image small --yes");

    expect(result.stdout, result.stderr).toContain("This machine is at small@2.");
    expect(readFileSync(path.join(node, "srv/new"), "utf8")).toBe("new\n");
  });
});
