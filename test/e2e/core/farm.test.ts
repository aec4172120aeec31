/**
 * Runbooks 1, 2 and 3 on virtual machines: a golden client with /dev/vda is captured, a blank machine is netbooted and installed from
 * the image, and is then kept in step with it. The steps build on each other; the first that fails ends the file.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { CaptureResult, PrepareResult } from "../../../server/api/schema/capture.ts";
import { CommitResult, ImageDiff, ImageVersion } from "../../../server/api/schema/image.ts";
import { Node, NodeList } from "../../../server/api/schema/node.ts";
import { ClientLine } from "../../../server/api/schema/status.ts";
import { UpdateResult } from "../../../server/api/schema/update.ts";
import { differences, withDisk } from "../../lab/judge.ts";
import { Lab } from "../../lab/lab.ts";
import type { Machine } from "../../lab/machine.ts";

const UpdateResults = z.object({ results: z.array(UpdateResult) });

let lab: Lab;
let golden: Machine;
let node: Machine;
let small: Machine;

beforeAll(async () => {
  lab = await Lab.open({ report: (message) => process.stderr.write(`${message}\n`) });
  golden = await lab.golden();
  node = await lab.machine({ name: "node1", disks: [{ bus: "virtio", size: "4G" }], boot: "network" });
  // Boots meanwhile: it asks for an address again until there is a server.
  await golden.start();
  await lab.buildFlavor();
  await lab.startDaemon();
  await lab.ingot("node", "add", "golden", "--mac", golden.macs[0]!, "--ip", golden.address);
  await lab.ingot("node", "add", "node1", "--mac", node.macs[0]!, "--ip", node.address, "--group", "web");
  await golden.waitForSsh(900_000);
});

afterAll(async () => {
  await lab.close();
});

/** Runs a command with --json and reads what it prints by the API's own schema. */
async function jsonOf<T>(schema: { parse(value: unknown): T }, ...words: readonly string[]): Promise<T> {
  return schema.parse(JSON.parse((await lab.ingot(...words, "--json")).stdout));
}

/** What a shell command on a machine prints, without the last newline. */
async function said(machine: Machine, command: string): Promise<string> {
  return (await machine.ssh(command)).stdout.trimEnd();
}

describe("a farm from one machine", () => {
  it("prepare records the golden client's /dev/vda", async () => {
    const prepared = await jsonOf(PrepareResult, "prepare", golden.address);

    expect(prepared.hostname).toBe("golden");
    expect(prepared.disks.map((disk) => disk.device)).toContain("/dev/vda");
    expect(prepared.layout).toMatch(/<disk\s+dev="\/dev\/vda"\s+label_type="msdos"/);
    expect(await said(golden, "cat /etc/systemimager/autoinstallscript.conf")).toBe(
      prepared.layout.trimEnd(),
    );
  });

  it("si_getimage captures it and commits version 1", async () => {
    await lab.ingot("si_getimage", "--golden-client", golden.address, "--image", "web", "--quiet");

    const history = await jsonOf(z.array(ImageVersion), "image", "history", "web");
    expect(history.map((version) => version.version)).toEqual([1]);
    expect(history[0]!.files).toBeGreaterThan(5000);
  });

  it("rsync finds no difference between the client's disk and the image but what the rules leave out", async () => {
    await said(golden, "sync");
    const prepared = await jsonOf(PrepareResult, "prepare", golden.address);
    const rules = prepared.rules.map((rule) => rule.text);
    await golden.stop();

    const found = await withDisk(
      golden.diskFiles[0]!,
      {
        folder: lab.folder("judge"),
        partitions: [
          { number: 3, at: "/" },
          { number: 1, at: "/boot" },
        ],
      },
      (root) =>
        differences({
          from: root,
          to: join(lab.state, "images", "web"),
          // What the running client itself wrote after the capture.
          exclude: [
            ...rules.filter((rule) => rule.startsWith("- ")).map((rule) => rule.slice(2)),
            // Mount points: the running client shows what is mounted there, its disk the folder beneath.
            ...["/dev", "/proc", "/run", "/sys"],
            "/var/log/***",
            "/var/lib/systemd/***",
            "/etc/systemimager/***",
          ],
        }),
    );

    await golden.start();
    expect(found).toEqual([]);
    await golden.waitForSsh(900_000);
  });

  it("a second capture moves only what changed", async () => {
    await said(golden, "echo changed > /srv/changed; setfattr -n user.note -v new /srv/fidelity/xattr; sync");

    const result = await jsonOf(CaptureResult, "capture", "web", golden.address, "--message", "second");

    expect(result.version).toBe(2);
    expect(result.sentFiles).toBeLessThan(300);
    const paths = (await jsonOf(ImageDiff, "image", "diff", "web", "1", "2")).actions.map(
      (action) => action.path,
    );
    expect(paths).toContain("srv/changed");
    expect(paths).toContain("srv/fidelity/xattr");
  });

  it("a node that is not armed boots from its disk, an unknown machine gets no answer", async () => {
    const nodes = (await jsonOf(NodeList, "node", "list", "node1")).nodes;

    expect(nodes[0]!.boot.kind).toBe("local-disk");
    const status = await lab.ingotWith({ allowFailure: true }, "deploy", "nobody", "--image", "web");
    expect(status.code).toBe(3);
  });

  it("si_mkclientnetboot arms the node, and its own PXE firmware installs it", async () => {
    const override = join(lab.state, "overrides", "node1", "etc");
    mkdirSync(join(override, "site"), { recursive: true });
    writeFileSync(join(override, "issue.net"), "node1 alone\n");
    chmodSync(join(override, "issue.net"), 0o640);
    writeFileSync(join(override, "site", "rack"), "7\n");
    await lab.ingot("si_mkclientnetboot", "--netboot", "--clients", "node1", "--image", "web");
    expect((await jsonOf(Node, "node", "show", "node1")).boot.kind).toBe("install");

    const seen = node.reboots;
    await node.start();
    await lab.ingot("watch", "--until-idle");

    const shown = await jsonOf(Node, "node", "show", "node1");
    expect(
      shown.install,
      (await lab.ingot("node", "show", "node1", "--log")).stdout.slice(-4000),
    ).toMatchObject({ state: "done", image: "web", version: 2 });
    expect(shown.boot.kind).toBe("local-disk");
    await node.waitForReboot({ seen, timeoutMs: 900_000 });
    // The install ramdisk answers over SSH too, with a key of its own.
    node.forgetHostKey();
    await node.waitForSsh(900_000);
  });

  it("the installed machine is one of its own", async () => {
    expect(await said(node, "hostname")).toBe("node1");
    const [own, theirs] = [
      await said(node, "cat /etc/machine-id"),
      await said(golden, "cat /etc/machine-id"),
    ];
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(theirs);
    const key = "cat /etc/ssh/ssh_host_ed25519_key.pub";
    expect(await said(node, key)).not.toBe(await said(golden, key));
    expect(await said(node, "findmnt --verify 2>&1 | tail -1")).toMatch(/^Success/);
    expect(await said(node, "findmnt -no FSTYPE /; findmnt -no FSTYPE /boot")).toBe("ext4\next4");
    expect(await said(node, "grep -c ^UUID= /etc/fstab")).toBe("3");
    expect(await said(node, "swapon --noheadings --show=NAME")).toMatch(/^\/dev\/vda/);
    expect(await said(node, "systemctl is-active ssh cron systemd-networkd")).toBe("active\nactive\nactive");
    expect(await said(node, "systemctl --failed --no-legend")).toBe("");
    expect(await said(node, "getcap /srv/fidelity/capability")).toMatch(
      /cap_net_bind_service,cap_net_raw=ep/,
    );
  });

  it("has what the node's overrides lay over the image", async () => {
    expect(await said(node, "cat /etc/issue.net /etc/site/rack; stat -c '%a %U' /etc/issue.net")).toBe(
      "node1 alone\n7\n640 root",
    );
    expect(await said(golden, "cat /etc/issue.net")).not.toContain("node1");
  });

  it("an update puts the image's territory right and leaves the node's own alone", async () => {
    await said(
      node,
      "mkdir -p /var/lib/puppet/ssl && echo mine > /var/lib/puppet/ssl/key.pem; echo by hand >> /etc/issue; echo stray > /usr/local/bin/stray; mkdir -p /etc/systemimager; echo '/opt/keep/*' >> /etc/systemimager/updateclient.local.exclude; mkdir -p /opt/keep && echo kept > /opt/keep/file",
    );
    const before = await said(
      node,
      "systemctl show -p MainPID --value ssh; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /etc/hostname /etc/fstab",
    );
    await lab.ingot(
      "image",
      "chroot",
      "web",
      "--",
      "sh",
      "-c",
      "mkdir -p /opt/tool && echo 1.0 > /opt/tool/version && echo welcome > /etc/motd && rm -f /srv/changed && cp /bin/true /bin/true.new && mv /bin/true.new /bin/true",
    );
    const committed = await jsonOf(CommitResult, "image", "commit", "web", "--message", "tool 1.0");
    expect(committed).toMatchObject({ version: 3, changed: true });

    const planned = (await jsonOf(UpdateResults, "update", "node1", "--image", "web", "--dry-run"))
      .results[0]!;
    expect(planned.applied).toBe(false);
    expect(planned.actions).toContainEqual(
      expect.objectContaining({ kind: "delete", path: "usr/local/bin/stray" }),
    );
    expect(await said(node, "cat /usr/local/bin/stray")).toBe("stray");
    await lab.ingot("si_pushupdate", "-n", "node1", "-i", "web");

    const after = await said(
      node,
      "systemctl show -p MainPID --value ssh; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /etc/hostname /etc/fstab",
    );
    expect(after).toBe(before);
    expect(
      await said(node, "cat /var/lib/puppet/ssl/key.pem /opt/keep/file /opt/tool/version /etc/motd"),
    ).toBe("mine\nkept\n1.0\nwelcome");
    expect(await said(node, "grep -c 'by hand' /etc/issue || true")).toBe("0");
    expect(await said(node, "ls /usr/local/bin/stray /srv/changed 2>&1 | grep -c 'No such file'")).toBe("2");
    const drift = await lab.ingotWith({ allowFailure: true }, "drift", "node1", "--json");
    expect(UpdateResults.parse(JSON.parse(drift.stdout)).results[0]!.actions).toEqual([]);
    expect(drift.code).toBe(0);
  });

  it("si_updateclient on the node does the same from its side", async () => {
    const { line } = await jsonOf(ClientLine, "client");
    await said(node, `echo by hand >> /etc/motd; echo stray > /usr/local/bin/stray; ${line}`);

    await said(
      node,
      `si_updateclient --server ${new URL((await jsonOf(ClientLine, "client")).url).host} --image web --yes`,
    );

    expect(await said(node, "cat /etc/motd")).toBe("welcome");
    expect(await said(node, "test -e /usr/local/bin/stray || echo gone")).toBe("gone");
  });

  it("comes up again from its own disk after a reset, though it asks the network first", async () => {
    const booted = await said(node, "cat /proc/sys/kernel/random/boot_id");
    // The next step's machine boots beside it.
    small = await lab.machine({ name: "small", disks: [{ bus: "virtio", size: "300M" }], boot: "network" });
    await lab.ingot("node", "add", "small", "--mac", small.macs[0]!, "--ip", small.address);
    await lab.ingot("deploy", "small", "--image", "web");
    await small.start();

    await node.reset();
    await node.waitForSsh(900_000);

    expect(await said(node, "cat /proc/sys/kernel/random/boot_id")).not.toBe(booted);
    expect(await said(node, "cat /opt/tool/version")).toBe("1.0");
  });

  it("refuses a disk that is too small before it writes to it", async () => {
    await node.stop();

    await lab.ingotWith({ allowFailure: true }, "watch", "--until-idle");

    const shown = await jsonOf(Node, "node", "show", "small");
    expect(shown.install?.state).toBe("failed");
    expect(shown.install?.message).toMatch(/too small/);
    expect((await lab.ingot("node", "show", "small", "--log")).stdout).toContain("too small");
    await small.stop();
    expect(
      readFileSync(small.diskFiles[0]!)
        .subarray(0, 4096)
        .every((byte) => byte === 0),
    ).toBe(true);
  });
});
