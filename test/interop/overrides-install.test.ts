/** Overrides laid by an install: the master script's own shell, curl, tar and zstd against the daemon, judged by rsync. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { overrideFunctions, renderLayOverrides } from "../../autoinstall/install/script-overrides.ts";
import { treeFunctions } from "../../autoinstall/install/script-tree.ts";
import { listCommand } from "../../images/sync/listing.ts";
import { NodeOverrides, OverrideList } from "../../server/api/schema/override.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";
import { makeClientTree, rsyncDifferences, shell } from "./client-tree.ts";

const layout = `<config>
  <disk dev="/dev/vda" label_type="msdos" unit_of_measurement="MB">
    <part num="1" size="*" p_type="primary" p_name="-" flags="boot" />
  </disk>
  <fsinfo line="10" real_dev="/dev/vda1" mp="/" fs="ext4" options="defaults" dump="1" pass="1" />
</config>
`;
const mac = "52:54:00:aa:00:07";
const [bootPort, nodePort] = [18_098, 18_454];

/** The daemon is in this process: nothing may wait for a program in its place. */
async function run(program: string, words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, words, {
    encoding: "latin1",
    maxBuffer: 1 << 27,
    timeout: 120_000,
  });
  return stdout;
}

let folder: string;
let state: string;
let target: string;
let app: App;

function config(): Parameters<typeof startApp>[0] {
  const parsed = parseConfig(`
state: ${state}
api: {listen: ["127.0.0.1:0"]}
netboot:
  tftp: false
  bootPort: ${bootPort}
  nodePort: ${nodePort}
  interfaces: [{name: lo, address: 127.0.0.1}]
`);
  if (!parsed.ok) {
    throw new Error(JSON.stringify(parsed.error));
  }
  return parsed.value;
}

/** Arms the node and boots it as far as its script. */
async function bootInstall(): Promise<{ readonly token: string; readonly script: string }> {
  await callApi(app, "POST", "/api/deploy", { nodes: "web01.lan", image: "web" });
  const ipxe = await (await fetch(`http://127.0.0.1:${bootPort}/boot/ipxe?mac=${mac}&arch=0`)).text();
  const token = /ingot\.token=(\S+)/.exec(ipxe)?.[1] ?? "";
  return { token, script: await curl(token, "/node/script") };
}

async function startInstall(): Promise<string> {
  return (await bootInstall()).token;
}

async function curl(token: string, path: string, ...options: readonly string[]): Promise<string> {
  const address = `https://127.0.0.1:${nodePort}${path}`;
  return await run("curl", ["-ks", "-H", `Authorization: Bearer ${token}`, ...options, address]);
}

async function statusOf(token: string, path: string): Promise<string> {
  return await curl(token, path, "-o", join(folder, "answer"), "-w", "%{http_code}");
}

async function endInstall(token: string): Promise<void> {
  await curl(token, "/node/failed", "--data", '{"phase":"write","message":"the test is over"}');
}

/** Runs shell of the master script as the ramdisk would: its library has other names for curl. */
async function runScript(token: string, text: string): Promise<string> {
  const script = `set -u
    WORK='${folder}/work' TARGET='${target}' OVERRIDES=\${OVERRIDES-}
    mkdir -p "$WORK" "$TARGET"
    fail() { echo "FAILED: $*" >&2; exit 1; }
    say() { echo "$*"; }
    ingot_fetch() { curl -ksSf -H 'Authorization: Bearer ${token}' -o "\${2:--}" "https://127.0.0.1:${nodePort}$1"; }
    ingot_post() { curl -ks --fail-with-body -H 'Authorization: Bearer ${token}' --data-binary "@$2" "https://127.0.0.1:${nodePort}$1"; }
    ${treeFunctions}
    ${overrideFunctions}
    ${text}`;
  return await run("dash", ["-c", script]);
}

/** What a machine does to prove what it wrote. */
const verify = `(${listCommand({ root: "/the/target" }).replace("/the/target", '"$TARGET"')}) >"$WORK/listing"
  (cd "$TARGET" && find . -type f -exec sha256sum -z '{}' +) >"$WORK/digests"
  ask_verdict`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ingot-overrides-"));
  state = join(folder, "state");
  target = join(folder, "target");
  const tree = join(state, "images", "web");
  makeClientTree(tree);
  writeFileSync(join(tree, "etc", "systemimager", "autoinstallscript.conf"), layout);
  shell(`cd '${tree}'; rm -r lost+found; mkdir -p usr/lib64 var/www/html; ln -s usr/lib64 lib64; echo index > var/www/html/index
    echo a > usr/lib/shared-a; ln usr/lib/shared-a usr/lib/shared-b; echo conf > etc/app.conf; setfacl -m u:9:rwx usr/lib64`);
  const flavor = join(state, "flavors", "standard");
  mkdirSync(flavor, { recursive: true });
  writeFileSync(join(flavor, "kernel"), "a kernel");
  writeFileSync(join(flavor, "initrd.img"), "a ramdisk");
  const made = { kernelVersion: "6.1", created: "2026-01-01T00:00:00Z", packages: [] };
  const sizes = { sizes: { kernel: 8, initrd: 9, unpacked: 9 }, sha256s: { kernel: "", initrd: "" } };
  writeFileSync(
    join(flavor, "flavor.json"),
    JSON.stringify({ name: "standard", arch: "x86_64", ...made, ...sizes }),
  );
  app = await startApp(config(), testEnv());
  await callApi(app, "POST", "/api/nodes", {
    nodes: [{ name: "web01.lan", macs: [mac], groups: ["rack"] }, { name: "other" }],
  });
  await followJob(app, await callApi(app, "POST", "/api/images/web/commit", { message: "first" }));
  shell(`mkdir -p '${state}/overrides'; cd '${state}/overrides'; mkdir -p all/etc/new/deep all/usr/lib all/lib64 rack/var rack/etc web01/etc/ssh other/etc
    echo all > all/etc/app.conf; echo rack > rack/etc/app.conf; echo web01 > web01/etc/motd; chown 7:8 web01/etc/motd; chmod 4755 web01/etc/motd
    setfacl -m u:99:rw web01/etc/motd; setfattr -n user.laid -v yes all/etc/new; chmod 2750 all/etc/new/deep; ln -s /srv/www rack/var/www
    echo laid > all/usr/lib/shared-a; echo driver > all/lib64/driver; touch -r ../images/web/usr/lib64 all/lib64; setfacl -m u:9:rwx all/lib64
    echo one > all/etc/new/one; ln all/etc/new/one all/etc/new/two; mkfifo all/etc/new/fifo; mknod all/etc/new/null c 1 3
    printf x > "$(printf 'all/etc/new/latin\\351 \\n*')"; truncate -s 5M all/etc/new/sparse; printf end >> all/etc/new/sparse
    touch -d 2001-02-03T04:05:06.789Z all/etc/new all/usr/lib; echo secret > other/etc/secret
    echo name > web01/etc/hostname; echo key > web01/etc/ssh/ssh_host_key; chmod 600 web01/etc/ssh/ssh_host_key; echo file > all/top-file`);
});

afterAll(async () => {
  await app?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("overrides in an install", () => {
  it("are listed with whose they are, and shown for a node with what they change", async () => {
    const list = OverrideList.parse(await callApi(app, "GET", "/api/overrides"));
    const shown = NodeOverrides.parse(await callApi(app, "GET", "/api/nodes/web01.lan/overrides?image=web"));

    expect(list.overrides.map(({ name, of }) => [name, of.join()])).toEqual([
      ["all", "all nodes"],
      ["other", "node other"],
      ["rack", "group rack"],
      ["web01", "node web01.lan"],
    ]);
    expect(shown.overrides).toEqual(["all", "rack", "web01"]);
    const entry = (path: string) => shown.entries.find((each) => each.path === path);
    expect(entry("etc/app.conf")).toMatchObject({ override: "rack", changes: ["content", "mtime"] });
    expect(entry("etc/new/one")).toEqual({ path: "etc/new/one", override: "all", entry: "file", bytes: 4 });
    expect(entry("var/www")).toMatchObject({ override: "rack", changes: ["type"] });
    expect(entry("usr/lib64/driver")).toMatchObject({ override: "all" });
  });

  it("are laid over the tree as rsync lays them, and the server's check of what was written knows them", async () => {
    const token = await startInstall();
    const desired = join(folder, "desired");
    shell(`cp -a '${state}/images/web' '${desired}'
      for name in all rack web01; do rsync -aHAXIK --numeric-ids --force '${state}/overrides/'$name/ '${desired}/'; done
      chmod --reference='${state}/images/web' '${desired}'; touch --reference='${state}/images/web' '${desired}'
      touch --reference='${state}/images/web/usr/lib64' '${desired}/usr/lib64'`);
    await runScript(token, "write_tree 512");
    const plain = join(folder, "plain");
    shell(`cp -a '${target}' '${plain}'`);

    const said = await runScript(
      token,
      `${renderLayOverrides({ kind: "lay-overrides", identity: false })}\n${verify}`,
    );

    expect(said).toContain("Laying overrides over the tree: all@1,rack@1,web01@1");
    expect(rsyncDifferences(desired, target)).toEqual([]);
    expect(readFileSync(join(target, "usr/lib/shared-b"), "utf8")).toBe("a\n");
    const unlaid = `OVERRIDES=all@1,rack@1,web01@1; TARGET='${plain}'; ${verify}`;
    await expect(runScript(token, unlaid)).rejects.toThrow(/app\.conf: differs|new\/one: is missing/);
    shell(`echo wrong >> '${target}/etc/new/one'`);
    await expect(runScript(token, `OVERRIDES=all@1,rack@1,web01@1; ${verify}`)).rejects.toThrow(
      /etc\/new\/one: differs/,
    );
    await endInstall(token);
  });

  it("give a machine its identity back after the install has made one", async () => {
    const token = await startInstall();
    shell(`cd '${target}'; echo made > etc/hostname; rm etc/ssh/ssh_host_key; echo kept > etc/app.conf`);

    await runScript(
      token,
      `OVERRIDES=all@1,rack@1,web01@1; ${renderLayOverrides({ kind: "lay-overrides", identity: true })}`,
    );

    expect(shell(`cd '${target}'; cat etc/hostname etc/ssh/ssh_host_key etc/app.conf`)).toBe(
      "name\nkey\nkept\n",
    );
    await endInstall(token);
  });

  it("of other nodes are nobody's business, and neither are made-up ones", async () => {
    const token = await startInstall();

    const [foreign, unknown, without] = await Promise.all(
      ["other@1", "rack@99", "..%2fimages%2fweb@1"].map((over) =>
        statusOf(token, `/node/overrides/tree?over=${over}`),
      ),
    );

    expect(await statusOf(token, "/node/overrides/tree?over=rack@1")).toBe("200");
    expect([foreign, unknown, without].every((status) => Number(status) >= 400)).toBe(true);
    expect(await statusOf("wrong", "/node/overrides")).toBe("401");
    await endInstall(token);
  });

  it("stay as they were when the install asked, though somebody edits them meanwhile", async () => {
    const token = await startInstall();
    const over = await curl(token, "/node/overrides");
    shell(`echo edited > '${state}/overrides/rack/etc/app.conf'`);

    expect(await curl(token, `/node/overrides/tree?over=${over}`)).not.toContain("edited");
    expect(await curl(token, "/node/overrides")).toBe("all@1,rack@2,web01@1");
    await endInstall(token);
  });

  it("count for the room that the machine's disk must have", async () => {
    const least = async () => {
      const { token, script } = await bootInstall();
      await endInstall(token);
      return Number(/choose_disk 1 1 (\d+) /.exec(script)?.[1]);
    };
    const before = await least();

    shell(`mkdir '${state}/overrides/rack/srv'; truncate -s 400000000 '${state}/overrides/rack/srv/hole'`);
    const withHole = await least();
    shell(`head -c 400000000 /dev/zero | tr '\\0' x > '${state}/overrides/rack/srv/data'`);
    const withData = await least();

    expect(withHole).toBe(before);
    expect(withData - before).toBeGreaterThan(120);
  });
});
