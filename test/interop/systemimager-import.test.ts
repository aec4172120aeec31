/** A SystemImager server's folder through the daemon: what is taken, as what, and what is named as not taken. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageDetails } from "../../server/api/schema/image.ts";
import { TakeOverPlan, TakeOverResult } from "../../server/api/schema/image-file.ts";
import { NodeList } from "../../server/api/schema/node.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { installableLayout } from "../../server/workflows/layout.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";
import { makeRichTree } from "./rich-tree.ts";
import { imageName } from "./store-support/image-name.ts";
import { rsyncFinds } from "./tree-copy.ts";

let folder = "";
let old = "";
let app: App;
let state = "";

const clusterXml = `<?xml version='1.0' standalone='yes'?>
<xml>
  <master>old</master>
  <name>all</name>
  <override>all</override>
  <group>
    <name>Login</name>
    <priority>2</priority>
    <image>web</image>
    <override>Login</override>
    <node>web1-web3 front.example.org</node>
  </group>
  <group>
    <name>Storage</name>
    <priority>1</priority>
    <override>RHEL4</override>
    <node>db-main, web3 10.0.0.1-10.0.0.9</node>
    <dynamic_node>touch /tmp/ingot-must-not-run; echo evil</dynamic_node>
  </group>
</xml>
`;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/ingot-old-");
  old = `${folder}/server/var/lib/systemimager`;
  execFileSync(
    "bash",
    [
      "-euc",
      `mkdir -p "$1"/{images/web/etc/systemimager,images/newer/etc,images/empty,overrides/{all,Login/etc,RHEL4},torrents}
       mkdir -p "$1"/scripts/{pre-install,post-install,disks-layouts} server/etc/systemimager
       cd "$1"
       echo '2024.03.02 10:11' >images/web/etc/systemimager/IMAGE_RETRIEVAL_TIME
       echo golden.example.org >images/web/etc/systemimager/IMAGE_RETRIEVED_FROM
       echo '<config><disk dev="/dev/sda" label_type="msdos" unit_of_measurement="MB"><part num="1" size="*" p_type="primary" p_name="-" flags="boot" /></disk><fsinfo line="10" real_dev="/dev/sda1" mp="/" fs="ext4" options="defaults" dump="1" pass="1" /></config>' >images/web/etc/systemimager/autoinstallscript.conf
       sed s,/dev/sda,/dev/vda,g images/web/etc/systemimager/autoinstallscript.conf >scripts/disks-layouts/newer.xml
       echo login >overrides/Login/etc/motd && chown 7:8 overrides/Login/etc/motd && setfattr -n user.note -v kept overrides/Login/etc/motd
       printf '#!/bin/sh\\n' >scripts/post-install/20all.hello && chmod 755 scripts/post-install/20all.hello
       echo >scripts/post-install/README && echo >scripts/pre-install/10Login.dma
       echo 'master script' >scripts/web.master && ln -s web.master scripts/web1.sh && ln -s web.master scripts/lone7.sh
       printf '127.0.0.1 localhost\\n10.0.0.11 web1.example.org web1\\n10.0.0.12 web2 # comment\\n' >scripts/hosts
       echo '<opt><client name="00.16.3E.00.00.01" host="web1" ip="10.0.0.11" os="web" /><client name="junk" host="x" /></opt>' >clients.xml`,
      "bash",
      old,
    ],
    { cwd: folder },
  );
  writeFileSync(`${folder}/server/etc/systemimager/cluster.xml`, clusterXml);
  execFileSync("mkdir", ["-p", `${old}/images/web/rich`]);
  makeRichTree(`${old}/images/web/rich`);
  state = `${folder}/state`;
  const config = parseConfig(`state: ${state}\napi: {listen: ["127.0.0.1:0"]}`);
  if (!config.ok) {
    throw new Error(JSON.stringify(config.error));
  }
  app = await startApp(config.value, testEnv());
});

afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function plan(change: object = {}): Promise<TakeOverPlan> {
  const body = { folder: `${folder}/server`, dryRun: true, ...change };
  return TakeOverPlan.parse(await callApi(app, "POST", "/api/systemimager", body));
}

async function take(): Promise<TakeOverResult> {
  const started = await callApi(app, "POST", "/api/systemimager", { folder: `${folder}/server` });
  return TakeOverResult.parse((await followJob(app, started)).result);
}

describe("a SystemImager server's folder", () => {
  it("is told before anything is done", async () => {
    expect((await plan()).images.map(({ name }) => name)).toEqual(["newer", "web"]);
    expect(await callApi(app, "GET", "/api/images")).toEqual({ images: [] });
    expect(await callApi(app, "GET", "/api/nodes")).toEqual({ nodes: [] });
  });

  it("becomes images, overrides, scripts, nodes and groups, and all that is not taken is named", async () => {
    const result = await take();

    expect(result.failures).toEqual([]);
    expect(result.images.map(({ image, version }) => `${image}@${version}`)).toEqual(["newer@1", "web@1"]);
    expect(result.overrides).toEqual(["Login", "RHEL4", "all"]);
    expect(result.scripts.map(({ stage, name }) => `${stage}/${name}`)).toEqual([
      "pre-install/10Login.dma",
      "post-install/20all.hello",
    ]);
    expect([...result.notes].sort((a, b) => (a < b ? -1 : 1))).toEqual([
      "5 nodes have no MAC: ingot node set NODE --mac MAC, or let them be discovered",
      "group Login has the image web: ingot deploy @Login --image web",
      "group Storage: <dynamic_node> touch /tmp/ingot-must-not-run; echo evil: not taken, a group's nodes are named one by one",
      "group Storage: <node> 10.0.0.1-10.0.0.9: not taken, because it is not a host name",
      "group Storage: cluster.xml lays the overrides RHEL4 over the image; here an override lies over the nodes and groups of its name, so give the nodes groups of these names: ingot node set NODES --group GROUP",
      "images/empty: not taken: it has no /etc, so it is no system",
      "lone7,web1: had the script web: ingot deploy lone7,web1 --image web is the same",
      "scripts/post-install/README: not taken, because nothing runs a script of that name",
      "scripts/web.master: not taken: Ingot makes the script from the image's layout (ingot layout script IMAGE)",
      "the pre-install and post-install scripts were written for SystemImager's ramdisk: read them before an install",
      "torrents: not taken: Ingot makes torrents of its own packs",
    ]);
    expect(spawnSync("test", ["-e", "/tmp/ingot-must-not-run"]).status).toBe(1);
  });

  it("has every entry of its trees, as rsync sees them, with owners and attributes", async () => {
    expect(rsyncFinds(`${old}/images/web`, `${state}/images/web`)).toBe("");
    expect(rsyncFinds(`${old}/overrides`, `${state}/overrides`, ["--omit-dir-times"])).toBe("");
    expect(readFileSync(`${state}/scripts/post-install/20all.hello`, "utf8")).toBe("#!/bin/sh\n");
    const { history } = ImageDetails.parse(await callApi(app, "GET", "/api/images/web"));
    expect(history).toMatchObject([
      {
        source: "golden.example.org",
        message: "SystemImager's image web from golden.example.org, 2024.03.02 10:11",
      },
    ]);
  });

  it("has layouts that an install can use, of both lines", async () => {
    for (const [image, disk] of [
      ["web", "/dev/sda"],
      ["newer", "/dev/vda"],
    ] as const) {
      const { layout } = await installableLayout(app.services.store, { image: imageName(image), number: 1 });
      expect(layout.disks.map(({ device }) => device)).toEqual([disk]);
    }
  });

  it("has nodes with the addresses, MACs and groups that were known", async () => {
    const { nodes } = NodeList.parse(await callApi(app, "GET", "/api/nodes"));

    expect(nodes.map(({ name, macs, ip, groups }) => [name, macs[0], ip, groups.join(" ")])).toEqual([
      ["db-main", undefined, undefined, "Storage"],
      ["front.example.org", undefined, undefined, "Login"],
      ["lone7", undefined, undefined, ""],
      ["web1", "00:16:3e:00:00:01", "10.0.0.11", "Login"],
      ["web2", undefined, "10.0.0.12", "Login"],
      ["web3", undefined, undefined, "Login Storage"],
    ]);
  });

  it("can be taken again: nothing is changed, and everything is named", async () => {
    const result = await take();

    expect([result.images, result.overrides, result.scripts, result.nodes, result.failures]).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
    expect(result.notes).toContain("image web: not taken, because Ingot has one of that name");
    expect(result.notes).toContain("overrides/Login: left as it is, because Ingot has one of that name");
    expect(result.notes).toContain(
      "node web3: left as it is, because Ingot has it already (cluster.xml has it in Storage, Login)",
    );
  });

  it("is refused where it is none, and a broken cluster.xml is named with its line", async () => {
    const refusal = await callApi(app, "POST", "/api/systemimager", { folder: "/usr" });
    expect(JSON.stringify(refusal)).toContain("it has no images/");
    writeFileSync(`${folder}/broken.xml`, "<xml>\n<group>\n</xml>");
    const { notes } = await plan({ cluster: `${folder}/broken.xml` });
    expect(notes.find((note) => note.includes("broken.xml"))).toMatch(/not taken: line \d+/);
  });
});
