/** Packages of an rpm system in a diff: the database is made by rpm itself, and versions are ordered as rpm orders them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareRpmVersions } from "../../images/store/package-changes.ts";
import { ImageDiff } from "../../server/api/schema/image.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";

let folder = "";
let app: App;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/ingot-rpm-test-");
  const config = parseConfig(`state: ${folder}/state\napi: {listen: ["127.0.0.1:0"]}`);
  if (!config.ok) {
    throw new Error(JSON.stringify(config.error));
  }
  app = await startApp(config.value, testEnv());
});
afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

function sh(script: string): void {
  execFileSync("bash", ["-euc", script], { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
}

/** An empty package: name, version with release, perhaps an epoch. */
function build(name: string, version: string, epoch = ""): string {
  const [number, release] = version.split("-");
  sh(`printf '%s\\n' 'Name: ${name}' 'Version: ${number}' 'Release: ${release}' 'Summary: x' 'License: x' 'BuildArch: noarch' ${epoch === "" ? "" : `'Epoch: ${epoch}'`} '%description' x '%files' >${name}.spec
      rpmbuild --quiet --define "_topdir $PWD/build" -bb ${name}.spec 2>build.log || { cat build.log >&2; exit 1; }`);
  return `build/RPMS/noarch/${name}-${version}.noarch.rpm`;
}

describe("an rpm system", () => {
  it.each([
    ["red", "var/lib/rpm"],
    ["newer", "usr/lib/sysimage/rpm"],
  ])("has its packages compared: %s", async (kind, place) => {
    const tree = `${folder}/state/images/${kind}`;
    mkdirSync(`${tree}/${place}`, { recursive: true });
    const rpm = `rpm --root ${tree} --dbpath /${place}`;
    const commit = async () => {
      const started = await callApi(app, "POST", `/api/images/${kind}/commit`, { message: "x" });
      expect(await followJob(app, started)).toMatchObject({ state: "done" });
    };
    sh(
      `${rpm} -i --nodeps --ignorearch --nodeps --ignorearch ${build("stays", "1.0-1")} ${build("grows", "1.9-1")} ${build("goes", "3-1")} ${build("shrinks", "2.0-1")}`,
    );
    await commit();
    sh(
      `${rpm} -e goes && ${rpm} -U --oldpackage --nodeps --ignorearch --nodeps --ignorearch ${build("grows", "1.10-1")} ${build("shrinks", "2.0~rc1-1")} ${build("comes", "1-1", "2")}`,
    );
    await commit();

    const diff = ImageDiff.parse(await callApi(app, "GET", `/api/images/${kind}/diff`));

    expect(diff.packages).toEqual([
      { name: "comes", kind: "added", after: "2:1-1" },
      { name: "goes", kind: "removed", before: "3-1" },
      { name: "grows", kind: "upgraded", before: "1.9-1", after: "1.10-1" },
      { name: "shrinks", kind: "downgraded", before: "2.0-1", after: "2.0~rc1-1" },
    ]);
    expect(diff.notes).toEqual([]);
  });
});

describe("a database that is none", () => {
  it.each(["rpmdb.sqlite", "Packages.db"])("costs the diff its packages, not more: %s", async (name) => {
    const image = name.toLowerCase();
    const tree = `${folder}/state/images/${image}`;
    for (const content of ["one", "two"]) {
      sh(`mkdir -p ${tree}/var/lib/rpm && echo ${content} >${tree}/var/lib/rpm/${name}`);
      await followJob(app, await callApi(app, "POST", `/api/images/${image}/commit`, { message: content }));
    }

    const diff = ImageDiff.parse(await callApi(app, "GET", `/api/images/${image}/diff`));

    expect(diff.actions.map(({ path }) => path)).toContain(`var/lib/rpm/${name}`);
    expect(diff.packages ?? []).toEqual([]);
    expect(diff.notes.join()).toMatch(/rpm's packages are not compared/);
  });
});

describe("versions", () => {
  it("are ordered as rpm orders them", () => {
    const versions = [
      "1",
      "1.0",
      "1.0a",
      "1.0~rc1",
      "1.0^git1",
      "1.0.1",
      "1.00",
      "a1",
      "1a",
      "1_1",
      "1.1",
      "10",
      "9",
      "1~~",
      "1~a",
      "1.0^",
      "0010",
      "1..1",
      "z",
      "Z",
    ];
    const pairs = versions.flatMap((a) => versions.map((b) => [a, b] as const));
    const lua = `for a, b in string.gmatch([[${pairs.map(([a, b]) => `<${a}|${b}>`).join("")}]], "<([^|]*)|([^>]*)>") do print(rpm.vercmp(a, b) .. " ") end`;

    const judged = execFileSync("rpm", ["--eval", `%{lua: ${lua}}`], { encoding: "utf8" })
      .trim()
      .split(" ")
      .map(Number);

    expect(judged).toHaveLength(pairs.length);
    const ours = pairs.map(([a, b]) => Math.sign(compareRpmVersions(a, b)));
    expect(pairs.filter((_pair, index) => ours[index] !== judged[index])).toEqual([]);
  });
});
