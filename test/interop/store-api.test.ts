/** What an administrator does with versions, through the daemon's API. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImageDetails, ImageDiff, PruneResult } from "../../server/api/schema/image.ts";
import type { Job } from "../../server/api/schema/job.ts";
import { NodeList } from "../../server/api/schema/node.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { callApi, followJob } from "../server/api-call.ts";

let folder = "";
let app: App;
const tree = () => join(folder, "state", "images", "web");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ingot-store-api-"));
  const config = parseConfig(`state: ${join(folder, "state")}\napi: {listen: ["127.0.0.1:0"]}`);
  if (!config.ok) {
    throw new Error(JSON.stringify(config.error));
  }
  app = await startApp(config.value, testEnv());
  mkdirSync(join(tree(), "etc"), { recursive: true });
  for (const text of ["one\n", "two\n", "three\n"]) {
    writeFileSync(join(tree(), "etc/motd"), text);
    expect((await job("/api/images/web/commit", { message: text.trim() })).state).toBe("done");
  }
});
afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a job and waits for its end. */
async function job(path: string, body: unknown): Promise<Job> {
  return await followJob(app, await callApi(app, "POST", path, body));
}

describe("versions through the API", () => {
  it("are tagged, rolled back to by their tag, and shown with it", async () => {
    await callApi(app, "POST", "/api/images/web/tags", { tag: "stable", version: 1 });

    const rolledBack = await job("/api/images/web/rollback", { version: "stable" });

    expect(rolledBack).toMatchObject({ state: "done", result: { image: "web", version: 1 } });
    expect(readFileSync(join(tree(), "etc/motd"), "utf8")).toBe("one\n");
    const details = ImageDetails.parse(await callApi(app, "GET", "/api/images/web"));
    expect(details.history.map(({ version, tags }) => [version, tags])).toEqual([
      [3, []],
      [2, []],
      [1, ["stable"]],
    ]);
  });

  it("are compared by number and by tag, down to a file's text", async () => {
    const diff = ImageDiff.parse(await callApi(app, "GET", "/api/images/web/diff?from=stable&to=3"));
    const file = await callApi(app, "GET", "/api/images/web/file?from=stable&to=3&path=/etc/motd");

    expect(diff.actions.map(({ path }) => path)).toContain("etc/motd");
    expect(file).toMatchObject({
      from: { version: 1, text: "one\n" },
      to: { version: 3, text: "three\n" },
    });
  });

  it("are told apart by each thing that differs, with sizes", async () => {
    const place = join(folder, "state/images/differ");
    const sh = (script: string) => execFileSync("bash", ["-euc", script], { cwd: place, encoding: "utf8" });
    mkdirSync(place, { recursive: true });
    sh(`for name in content owner mode xattr acl same alike gone; do echo $name >$name; done; ln -s content link; ln same linked; mkdir dir
        setfattr -n user.note -v old xattr; cp /bin/true cap`);
    await job("/api/images/differ/commit", { message: "before" });
    sh(`echo more >>content; touch -r same content; chown 7:8 owner; chmod 4711 mode; setfattr -n user.note -v new xattr; setfattr -n user.two -v 2 xattr
        setfacl -m u:9:rw acl; setfacl -d -m u:9:rwx dir; ln -sfn mode link; ln -f content linked; rm gone; echo added >added; setcap cap_net_raw+ep cap`);
    await job("/api/images/differ/commit", { message: "after" });

    const diff = ImageDiff.parse(await callApi(app, "GET", "/api/images/differ/diff"));

    const told = new Map(diff.actions.map(({ path, ...rest }) => [path, rest]));
    const changesOf = (path: string) => told.get(path)?.changes.filter((change) => change !== "mtime");
    expect(told.get("content")).toMatchObject({ kind: "write", bytesBefore: 8, bytesAfter: 13 });
    expect(changesOf("content")).toContain("content");
    expect(changesOf("owner")).toEqual(["owner", "group"]);
    expect(changesOf("mode")).toEqual(["mode"]);
    expect(told.get("xattr")).toMatchObject({ changes: ["extended"], attributes: ["user.note", "user.two"] });
    expect(told.get("acl")?.attributes).toEqual(["acl"]);
    expect(told.get("dir")?.attributes).toEqual(["default acl"]);
    expect(told.get("cap")?.attributes).toEqual(["security.capability"]);
    expect(changesOf("link")).toEqual(["link-target"]);
    expect(changesOf("linked")).toContain("hard-links");
    expect(told.get("added")).toMatchObject({ changes: ["missing"], bytesAfter: 6 });
    expect(told.get("gone")).toMatchObject({ kind: "delete", bytesBefore: 5 });
    expect(changesOf("same")).toEqual(["hard-links"]);
    expect(told.has("alike")).toBe(false);
    expect(diff.counts).toMatchObject({ added: 1, removed: 1 });
  });

  it("are read one or all, and shown one by one with what is theirs alone", async () => {
    const one = await job("/api/images/differ/verify", {});
    const all = await job("/api/images/differ/verify", { all: true });
    const details = ImageDetails.parse(await callApi(app, "GET", "/api/images/differ?version=1"));

    expect([one.result, all.result]).toMatchObject([{ versions: [2] }, { versions: [1, 2] }]);
    expect(details.version).toMatchObject({ version: 1, message: "before" });
    expect(details.latest?.version).toBe(2);
    expect(details.packs?.own).toBeLessThan(details.packs?.bytes ?? 0);
    expect(await callApi(app, "GET", "/api/images/differ?version=9")).toMatchObject({ status: 404 });
    expect(await callApi(app, "POST", "/api/images/differ/verify", { version: 1, all: true })).toMatchObject({
      status: 400,
    });
  });

  it("are kept from pruning by tags and by nodes that have them", async () => {
    await callApi(app, "POST", "/api/nodes", { nodes: [{ name: "n1" }] });
    await callApi(app, "PATCH", "/api/nodes", { nodes: "n1", set: { image: "web@2" } });

    const pruned = PruneResult.parse(await callApi(app, "POST", "/api/images/web/prune", { keep: 1 }));

    expect(pruned).toMatchObject({
      removed: [],
      kept: [
        { version: 1, reason: "tagged stable" },
        { version: 2, reason: "node n1 has it" },
      ],
    });
  });

  it("go out as a tar and come back as another image", async () => {
    const file = join(folder, "web.tar");
    expect(await job("/api/images/web/export", { version: 2, file })).toMatchObject({ state: "done" });

    const imported = await job("/api/images/back/import", { tar: file });

    expect(imported).toMatchObject({ state: "done", result: { image: "back", version: 1 } });
    expect(readFileSync(join(folder, "state/images/back/etc/motd"), "utf8")).toBe("two\n");
    const refused = await callApi(app, "POST", "/api/images/more/import", { tar: "relative.tar" });
    expect(refused).toMatchObject({ status: 400 });
  });

  it("move with their image, and nodes are said to have them under the new name", async () => {
    expect(await job("/api/images/web/move", { to: "next" })).toMatchObject({ state: "done" });

    const { nodes } = NodeList.parse(await callApi(app, "GET", "/api/nodes?select=n1"));

    expect(nodes[0]?.image).toBe("next@2");
  });

  it("take the place of another image where that is asked for, and only then", async () => {
    mkdirSync(join(folder, "state/images/third/etc"), { recursive: true });
    writeFileSync(join(folder, "state/images/third/etc/motd"), "old\n");
    await job("/api/images/third/commit", { message: "old" });
    const content = () => readFileSync(join(folder, "state/images/third/etc/motd"), "utf8");
    const names = async () => {
      const list = (await callApi(app, "GET", "/api/images")) as {
        readonly images: readonly { readonly name: string }[];
      };
      return list.images.map(({ name }) => name);
    };
    const before = await names();

    expect((await job("/api/images/next/copy", { to: "third", version: 1 })).error?.code).toBe("conflict");
    expect(
      (await job("/api/images/next/copy", { to: "third", version: 99, replace: true }).catch(() => undefined))
        ?.state,
    ).not.toBe("done");
    expect(content()).toBe("old\n");

    expect((await job("/api/images/next/copy", { to: "third", version: 1, replace: true })).state).toBe(
      "done",
    );

    expect(content()).toBe("one\n");
    expect(await names()).toEqual(before);
    expect(
      JSON.stringify(await callApi(app, "POST", "/api/images/next/copy", { to: "next", replace: true })),
    ).toMatch(/cannot take its own place/);
  });
});
