/** A node that updates itself: the daemon, the line of `ingot client`, and the two client commands inside a real Debian tree. */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultProfiles, profileRules } from "../../images/sync/profiles.ts";
import { ownFiles } from "../../images/update/prepare-plan.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { type DaemonProcess, startDaemonProcess } from "./daemon-process.ts";
import { type ChrootResult, debianTar, inChroot, unpackTree } from "./debian-tree.ts";
import { hasSshd } from "./ssh-server.ts";

/** What an update leaves alone, as rsync's own filter. */
const excludes = [...ownFiles, ...defaultProfiles.update.flatMap(profileRules)]
  .filter((rule) => rule.text.startsWith("- "))
  .map((rule) => rule.text.slice(2));

describe.skipIf(!hasSshd)("a node that pulls", () => {
  let folder: string;
  let node: string;
  let tar: string;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-pull-"));
    node = path.join(folder, "node");
    tar = debianTar({ suite: "bookworm", packages: ["curl", "wget"] });
    daemon = await startDaemonProcess(folder);
    unpackTree(tar, path.join(daemon.state, "images/web"));
    shell(`cd '${daemon.state}/images/web'; mkdir -p opt/app/deep srv; echo 1 > opt/app/deep/data; setcap cap_net_raw+ep usr/bin/wget
      setfacl -m u:77:r opt/app/deep/data; ln -s deep/data opt/app/link; echo 'image motd' > etc/motd`);
    daemon.ingot(["image", "commit", "web", "-m", "first"]);
  });

  afterAll(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const tree = () => path.join(daemon.state, "images/web");
  // The time of /tmp moves with whatever is made there, and /etc/systemimager holds what is the node's own.
  const differences = () =>
    rsyncDifferences(tree(), node, excludes).filter(
      (line) => !/^(\.d\.\.t\S+ tmp\/|cannot delete non-empty directory: etc\/systemimager)$/.test(line),
    );
  const update = (options: string): ChrootResult => inChroot(node, `si_updateclient --image web ${options}`);

  function freshNode(): void {
    rmSync(node, { recursive: true, force: true });
    unpackTree(tar, node);
    shell(`cd '${node}'; echo hand > etc/motd; echo extra > usr/bin/extra; rm usr/bin/tac; chmod 700 usr/bin/od; mkdir -p opt/mine/sub
      echo precious > opt/mine/sub/data; mkdir -p home/anna; echo hers > home/anna/file; echo n1 > etc/hostname`);
    const line = daemon.ingot(["client"]);
    const installed = inChroot(node, line);
    expect(installed.stderr).toBe("");
    expect(installed.stdout).toMatch(/si_prepareclient and si_updateclient are installed/);
  }

  test("installs by the line that 'ingot client' prints, its token for root only", () => {
    freshNode();

    expect(statSync(path.join(node, "etc/systemimager/ingot.conf")).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(node, "usr/local/sbin/si_updateclient")).mode & 0o777).toBe(0o755);
  });

  test("shows the plan by --dry-run and changes nothing", () => {
    // The command has its work folder in /tmp.
    const look = () => shell(`cd '${node}'; find . -xdev ! -path ./tmp -printf '%p %T@ %C@\\n' | sort`);
    const before = look();

    const result = update("--dry-run");

    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toMatch(/write +\/usr\/bin\/tac {2}\(missing\)/);
    expect(result.stdout).toMatch(/delete +\/usr\/bin\/extra/);
    expect(look()).toBe(before);
  });

  test("updates one directory only by --directory, and does not claim the version", () => {
    const result = update("--directory /usr --yes");

    expect(result, result.stdout).toMatchObject({ code: 0 });
    const left = differences();
    expect(left.filter((line) => / usr\//.test(line))).toEqual([]);
    expect(left.join("\n")).toMatch(/ etc\/motd/);
    expect(shell(`ls '${node}/etc/systemimager'`)).toBe("ingot.conf\n");
  });

  test("leaves what the image does not have with --no-delete", () => {
    const result = update("--no-delete --yes");

    expect(result, result.stdout).toMatchObject({ code: 0 });
    expect(differences().filter((line) => !line.startsWith("*deleting"))).toEqual([]);
    expect(readFileSync(path.join(node, "opt/mine/sub/data"), "utf8")).toBe("precious\n");
  });

  test("asks before it changes anything, and takes no for an answer", () => {
    const result = inChroot(node, "echo n | si_updateclient --image web");

    expect(result.code).toBe(1);
    expect(result.stdout).toContain("Nothing was changed.");
  });

  test("is the image afterwards, beside what is the node's own; a second update has nothing to do", () => {
    const result = update("--yes");

    expect(result, result.stdout).toMatchObject({ code: 0 });
    expect(result.stdout).toContain("This machine is at web@1.");
    expect(differences()).toEqual([]);
    expect(readFileSync(path.join(node, "home/anna/file"), "utf8")).toBe("hers\n");
    expect(readFileSync(path.join(node, "etc/hostname"), "utf8")).toBe("n1\n");
    expect(readFileSync(path.join(node, "etc/systemimager/IMAGE_LAST_SYNCED_TO"), "utf8")).toBe("web@1\n");
    expect(update("--dry-run").stdout).toMatch(/: 0 to write \(0 B\), 0 to adjust, 0 to delete/);
  });

  test("goes to the newest version, and back to a named one", () => {
    shell(`cd '${tree()}'; echo 2 > opt/app/deep/data; rm usr/bin/tac`);
    daemon.ingot(["image", "commit", "web", "-m", "second"]);

    const second = update("--yes");
    expect(second.stdout, second.stderr).toContain("This machine is at web@2.");
    expect(differences()).toEqual([]);
    const back = inChroot(node, "si_updateclient --image web@1 --yes");

    expect(back.stdout, back.stderr).toContain("This machine is at web@1.");
    expect(readFileSync(path.join(node, "opt/app/deep/data"), "utf8")).toBe("1\n");
    expect(inChroot(node, "si_updateclient --image web@7 --yes").stderr).toMatch(/web@7/);
    expect(inChroot(node, "si_updateclient --image nosuch --yes").stderr).toMatch(/nosuch/);
  });

  test("does the same with wget where there is no curl, and neither talks to a server with another key", () => {
    freshNode();
    const pin = (text: string) =>
      shell(`sed -i 's,^INGOT_PIN=.*,${text},' '${node}/etc/systemimager/ingot.conf'`);
    const settings = readFileSync(path.join(node, "etc/systemimager/ingot.conf"), "utf8");
    const known = /^INGOT_PIN=.*$/m.exec(settings)?.[0] ?? "";
    const wrong = `INGOT_PIN='sha256//${Buffer.alloc(32, 1).toString("base64")}'`;

    pin(wrong);
    const byCurl = update("--yes");
    shell(`mv '${node}/usr/bin/curl' '${node}/opt/curl'`);
    const byWget = update("--yes");
    pin(known);
    const result = update("--yes");

    expect(byCurl.stderr).toMatch(/no answer of use/);
    expect(byWget.stderr).toMatch(/no answer of use/);
    expect(result, result.stdout).toMatchObject({ code: 0 });
    expect(differences()).toEqual([]);
  });

  test("si_prepareclient writes the layout, and lets the server in after asking", () => {
    const prepare = (words: string, answer = "") =>
      inChroot(
        node,
        `touch /usr/sbin/sshd; chmod +x /usr/sbin/sshd; printf '${answer}' | si_prepareclient ${words}`,
      );

    const refused = prepare("", "n\\n");
    const result = prepare("--yes");
    prepare("--yes");

    expect(refused.stderr).toContain("was not let in");
    expect(result, result.stdout).toMatchObject({ code: 0 });
    expect(result.stdout).toContain("ingot capture IMAGE");
    expect(readFileSync(path.join(node, "etc/systemimager/autoinstallscript.conf"), "utf8")).toContain(
      "<config>",
    );
    expect(
      readFileSync(path.join(node, "root/.ssh/authorized_keys"), "utf8").trim().split("\n"),
    ).toHaveLength(1);
  });
});
