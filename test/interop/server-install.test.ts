/** The whole server side of an install, by HTTP, with a machine played by real programs: sh, curl's pinning left to the ramdisk. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listCommand } from "../../images/sync/listing.ts";
import { ImageContent } from "../../server/api/schema/image.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";

const layout = `<config>
  <disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">
    <part num="1" size="*" p_type="primary" p_name="-" flags="boot" />
    <part num="3" size="100" p_type="primary" p_name="-" flags="-" />
  </disk>
  <fsinfo line="10" real_dev="/dev/vda1" mp="/" fs="ext4" options="defaults" dump="1" pass="1" />
  <fsinfo line="30" real_dev="/dev/vda3" mp="/srv/data" fs="ext4" options="defaults" dump="1" pass="2" />
</config>
`;

let folder: string;
let app: App;
const mac = "52:54:00:aa:00:01";

function config(state: string): Parameters<typeof startApp>[0] {
  const parsed = parseConfig(`
state: ${state}
api: {listen: ["127.0.0.1:0"]}
netboot:
  tftp: false
  bootPort: 18088
  nodePort: 18444
  interfaces: [{name: lo, address: 127.0.0.1}]
`);
  if (!parsed.ok) {
    throw new Error(JSON.stringify(parsed.error));
  }
  return parsed.value;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A request as the ramdisk makes it. */
function node(
  method: string,
  path: string,
  options: { readonly token: string; readonly body?: Uint8Array },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: "127.0.0.1",
        port: 18444,
        path,
        method,
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${options.token}` },
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

async function bootScript(): Promise<string> {
  return await (await fetch(`http://127.0.0.1:18088/boot/ipxe?mac=${mac}&arch=0`)).text();
}

function tokenOf(script: string): string {
  return /ingot\.token=(\S+)/.exec(script)?.[1] ?? "";
}

/** What a machine posts after writing: its listing, then its digests. */
function uploadOf(tree: string): { readonly path: string; readonly body: Buffer } {
  const listing = execFileSync("sh", ["-c", listCommand({ root: tree })], { maxBuffer: 1 << 26 });
  const digests = execFileSync("sh", ["-c", "find . -type f -print0 | xargs -0 sha256sum -z"], { cwd: tree });
  return { path: `/node/verify?listing=${listing.length}`, body: Buffer.concat([listing, digests]) };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ingot-install-"));
  const state = join(folder, "state");
  const tree = join(state, "images", "web");
  mkdirSync(join(tree, "etc", "systemimager"), { recursive: true });
  writeFileSync(join(tree, "etc", "systemimager", "autoinstallscript.conf"), layout);
  writeFileSync(join(tree, "etc", "hostname"), "golden\n");
  symlinkSync("hostname", join(tree, "etc", "link"));
  writeFileSync(join(tree, "odd \n name"), "x".repeat(100_000));
  chmodSync(join(tree, "etc", "hostname"), 0o640);
  const flavor = join(state, "flavors", "standard");
  mkdirSync(flavor, { recursive: true });
  writeFileSync(join(flavor, "kernel"), "a kernel");
  writeFileSync(join(flavor, "initrd.img"), "a ramdisk");
  writeFileSync(
    join(flavor, "flavor.json"),
    JSON.stringify({
      name: "standard",
      arch: "x86_64",
      kernelVersion: "6.1",
      created: "2026-01-01T00:00:00Z",
      sizes: { kernel: 8, initrd: 9, unpacked: 9 },
      sha256s: { kernel: "", initrd: "" },
      packages: [],
    }),
  );
  app = await startApp(config(state), testEnv());
  await callApi(app, "POST", "/api/nodes", { nodes: [{ name: "n1.lan", macs: [mac], ip: "127.0.0.9" }] });
  const commit = await callApi(app, "POST", "/api/images/web/commit", { message: "first" });
  expect((await followJob(app, commit)).state).toBe("done");
});

afterAll(async () => {
  await app?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("an install, seen from the server", () => {
  it("gives an unarmed node its disk and an unknown machine nothing", async () => {
    const unknown = await (
      await fetch("http://127.0.0.1:18088/boot/ipxe?mac=52:54:00:ff:ff:ff&arch=0")
    ).text();

    expect(await bootScript()).toContain("local disk");
    expect(unknown).toContain("nothing to boot");
    expect(unknown).not.toContain("kernel");
  });

  it("tells how much of a version lies in which filesystem of its layout", async () => {
    const content = ImageContent.parse(await callApi(app, "GET", "/api/images/web/content"));

    const files = 100_000 + layout.length + "golden\n".length;
    expect(content).toMatchObject({ image: "web", version: 1 });
    expect(content.filesystems).toEqual([
      { mountPoint: "/srv/data", bytes: 0 },
      { mountPoint: "/", bytes: files },
    ]);
    expect(content.bytes).toBeGreaterThan(files);
  });

  it("runs from arming to the node's own disk, with a token that is used once", async () => {
    const deploy = await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web" });
    const early = tokenOf(await bootScript());
    const script = await bootScript();
    const token = tokenOf(script);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(token).not.toBe(early);
    const kernel = await fetch(/kernel \S+ \S+ (\S+)/.exec(script)?.[1] ?? "", {
      headers: { range: "bytes=2-" },
    });
    expect([kernel.status, await kernel.text()]).toEqual([206, "kernel"]);

    expect((await node("POST", "/node/report?phase=boot&percent=1", { token })).status).toBe(204);
    expect((await node("GET", "/node/tree", { token })).status).toBe(409);
    const master = await node("GET", "/node/script", { token });
    expect(master.status).toBe(200);
    execFileSync("dash", ["-n"], { input: master.body });
    expect((await node("GET", "/node/script", { token })).status).toBe(409);
    expect((await node("GET", "/node/script", { token: early })).status).toBe(401);
    expect(await bootScript()).toContain("local disk");

    const target = join(folder, "target");
    mkdirSync(target);
    const tree = await node("GET", "/node/tree", { token });
    writeFileSync(join(folder, "tree.tar.zst"), tree.body);
    execFileSync("sh", ["-c", "zstd -dc ../tree.tar.zst | tar -xp --numeric-owner"], { cwd: target });
    mkdirSync(join(target, "lost+found"));
    // The image has no such folder: the installer made it, to mount something there.
    mkdirSync(join(target, "srv/data"), { recursive: true });
    writeFileSync(join(target, "planted"), "");
    const wrong = uploadOf(target);
    const refused = await node("POST", wrong.path, { token, body: wrong.body });
    expect(refused.status).toBe(409);
    expect(refused.body.toString()).toContain("/planted: is not in the version");
    rmSync(join(target, "planted"));
    execFileSync("sh", ["-c", "zstd -dc ../tree.tar.zst | tar -xp --numeric-owner ./"], { cwd: target });
    const right = uploadOf(target);
    const verified = await node("POST", right.path, { token, body: right.body });
    expect([verified.status, verified.body.toString()]).toEqual([204, ""]);

    await node("POST", "/node/log", { token, body: Buffer.from("all \u001b[31mwell\n") });
    expect((await node("POST", "/node/done", { token })).status).toBe(204);
    expect((await node("POST", "/node/done", { token })).status).toBe(204);
    expect((await node("GET", "/node/tree", { token })).status).toBe(409);
    const job = await followJob(app, deploy);
    expect(job.state).toBe("done");
    const shown = (await callApi(app, "GET", "/api/nodes/n1.lan")) as Record<string, unknown>;
    expect(shown).toMatchObject({
      image: "web@1",
      install: { state: "done", percent: 100 },
      boot: { kind: "local-disk" },
    });
    const log = await app.services.installs.log(app.services.installs.latest("n1.lan" as never)?.id ?? 0);
    expect(log).toContain("all [31mwell");
  });

  it("shows a failure with its phase, message and log, and never as success", async () => {
    const deploy = await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web@1" });
    const token = tokenOf(await bootScript());
    await node("GET", "/node/script", { token });
    const failure = JSON.stringify({ phase: "partition", message: "/dev/vda is too small\u0007" });

    await node("POST", "/node/failed", { token, body: Buffer.from(failure) });

    const job = await followJob(app, deploy);
    expect(job.state).toBe("failed");
    expect(job.error?.message).toContain("failed in phase partition: /dev/vda is too small");
    expect((await node("POST", "/node/done", { token })).status).toBe(409);
    expect((await node("POST", "/node/log", { token, body: Buffer.from("more\n") })).status).toBe(204);
    expect(await bootScript()).toContain("local disk");
  });

  it("hands out the site's scripts for the node in order, and its variables", async () => {
    const stage = join(folder, "state", "scripts", "post-install");
    mkdirSync(stage, { recursive: true });
    for (const name of ["20n.base", "10all.first", "10other.never", "table.txt", "30web.image~"]) {
      writeFileSync(join(stage, name), `this is ${name}\n`);
    }
    symlinkSync("/etc/shadow", join(stage, "40all.link"));
    await callApi(app, "POST", "/api/deploy", {
      nodes: "n1.lan",
      image: "web@1",
      wipe: true,
      disks: ["serial=A1"],
    });
    const token = tokenOf(await bootScript());
    expect((await node("GET", "/node/scripts/post-install", { token })).status).toBe(409);
    const script = (await node("GET", "/node/script", { token })).body.toString();

    const listed = await node("GET", "/node/scripts/post-install", { token });
    const first = await node("GET", "/node/scripts/post-install/10all.first", { token });
    const variables = (await node("GET", "/node/variables", { token })).body.toString();

    expect(script).toContain('INGOT_DISKS:=serial=A1}"');
    expect(script).toContain('INGOT_WIPE:=yes}"');
    expect(listed.body.toString()).toBe(
      "run 10all.first\nrun 20n.base\nfile 10other.never\nfile table.txt\n",
    );
    expect(first.body.toString()).toBe("this is 10all.first\n");
    expect(variables).toContain("HOSTNAME=n1\nDOMAINNAME=lan\nBASE_HOSTNAME=n\n");
    expect((await node("GET", "/node/scripts/pre-install", { token })).body.toString()).toBe("");
    for (const path of [
      "post-install/40all.link",
      "post-install/..%2f..%2fingot.db",
      "root/x",
      "pre-install/x",
    ]) {
      expect((await node("GET", `/node/scripts/${path}`, { token })).status, path).toBeGreaterThanOrEqual(
        400,
      );
    }
    expect((await node("GET", "/node/luks-key", { token })).status).toBe(404);
    await node("POST", "/node/failed", { token, body: Buffer.from('{"phase":"write","message":"x"}') });
    rmSync(stage, { recursive: true });
  });

  it("serves a pinned script instead of its own, and tells it which node it is on", async () => {
    const pinned = join(folder, "state", "scripts", "web.master");
    writeFileSync(pinned, '#!/bin/sh\necho "$INGOT_HOSTNAME $INGOT_DOMAIN $INGOT_IMAGE"\n');
    await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web@1" });
    const token = tokenOf(await bootScript());

    const script = (await node("GET", "/node/script", { token })).body;

    expect(execFileSync("dash", { input: script, encoding: "utf8" })).toBe("n1 lan web@1\n");
    await node("POST", "/node/failed", { token, body: Buffer.from('{"phase":"script","message":"x"}') });
    rmSync(pinned);
  });

  it("gives the passphrase of encrypted volumes to the install alone, and only from a private file", async () => {
    const conf = join(folder, "state", "images", "web", "etc", "systemimager", "autoinstallscript.conf");
    const encrypted = layout
      .replace('num="1" size="*"', 'num="2" size="*" p_type="primary" /><part num="1" size="300"')
      .replace("</disk>", '</disk><luks name="root" device="/dev/vda2" />')
      .replace('real_dev="/dev/vda1"', 'real_dev="/dev/mapper/root"')
      .replace("</config>", '<fsinfo line="20" real_dev="/dev/vda1" mp="/boot" fs="ext4" /></config>');
    writeFileSync(conf, encrypted);
    await followJob(app, await callApi(app, "POST", "/api/images/web/commit", { message: "encrypted" }));
    const deploy = async () => await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web@2" });
    const without = await deploy();
    mkdirSync(join(folder, "state", "luks"));
    writeFileSync(join(folder, "state", "luks", "web"), "open sesame\n", { mode: 0o644 });
    const open = await deploy();
    chmodSync(join(folder, "state", "luks", "web"), 0o600);

    await deploy();
    const token = tokenOf(await bootScript());
    const early = await node("GET", "/node/luks-key", { token });
    const script = (await node("GET", "/node/script", { token })).body.toString();
    const key = await node("GET", "/node/luks-key", { token });
    await node("POST", "/node/failed", { token, body: Buffer.from('{"phase":"write","message":"x"}') });
    const late = await node("GET", "/node/luks-key", { token });

    expect(without).toMatchObject({ code: "not-found", detail: expect.stringContaining("no passphrase") });
    expect(open).toMatchObject({ code: "refused", detail: expect.stringContaining("can be read by others") });
    expect([early.status, key.status, late.status]).toEqual([409, 200, 409]);
    expect(key.body.toString()).toBe("open sesame");
    expect(script).toContain("make_crypt");
    expect(script).not.toContain("open sesame");
  });

  it("remembers versions whose image was removed, and says so", async () => {
    await callApi(app, "PATCH", "/api/nodes", { nodes: "n1.lan", set: { image: "web@1" } });
    expect(
      await callApi(app, "POST", "/api/images/web/lock", { purpose: "a test", pid: process.pid }),
    ).toMatchObject({
      image: "web",
    });
    const held = await callApi(app, "DELETE", "/api/images/web");
    expect(held).toMatchObject({ code: "conflict", detail: expect.stringContaining("a test") });
    expect(app.services.versions.find("web" as never, 1)).toMatchObject({ message: "first" });
  });

  it("refuses to arm a node twice, and disarms it on request", async () => {
    const deploy = await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web" });
    await bootScript();
    const again = await callApi(app, "POST", "/api/deploy", { nodes: "n1.lan", image: "web" });

    await callApi(app, "POST", "/api/localboot", { nodes: "n1.lan" });

    expect(again).toMatchObject({ code: "conflict", status: 409 });
    expect((await followJob(app, deploy)).state).toBe("cancelled");
    expect(await bootScript()).toContain("local disk");
  });
});
