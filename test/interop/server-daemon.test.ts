/** The daemon as a whole on loopback: start, stop, a second start, kill -9, and what is in the way of a start. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import type { Config } from "../../server/config/schema.ts";
import { testEnv } from "../fakes/env.ts";
import { compiledFile } from "../programs.ts";
import { callApi } from "../server/api-call.ts";
import { imageName } from "./store-support/image-name.ts";

let folder: string;
const apps: App[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-daemon-"));
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map(async (app) => await app.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function config(text = 'api: {listen: ["127.0.0.1:0"]}'): Config {
  const parsed = parseConfig(`state: ${join(folder, "state")}\n${text}`);
  if (!parsed.ok) {
    throw new Error(JSON.stringify(parsed.error));
  }
  return parsed.value;
}

async function started(text?: string): Promise<App> {
  const app = await startApp(config(text), testEnv());
  apps.push(app);
  return app;
}

/** POSTs over the socket; resolves with the status once the daemon has answered. */
function post(path: string, body: unknown): Promise<number> {
  return new Promise((done, failed) => {
    const outgoing = request(
      { socketPath: join(folder, "state", "ingot.sock"), path, method: "POST" },
      (incoming) => {
        incoming.resume();
        incoming.on("end", () => done(incoming.statusCode ?? 0));
        // A daemon that is killed may have begun to answer.
        incoming.on("error", failed);
      },
    );
    outgoing.on("error", failed);
    outgoing.end(JSON.stringify(body));
  });
}

describe("startApp()", () => {
  it("listens on the socket and loopback only, keeps secrets private, and says what is off", async () => {
    const app = await started();

    const mode = (name: string) => statSync(join(folder, "state", name)).mode & 0o777;
    expect(app.status().listeners.map(({ service }) => service)).toEqual(["socket", "api"]);
    expect(app.status().notes.join()).toContain("Netboot is off");
    expect([
      mode("."),
      mode("ingot.sock"),
      mode("admin.token"),
      mode("tls/ca.key"),
      mode("tls/server.key"),
      mode("ssh/id_ed25519"),
    ]).toEqual([0o700, 0o600, 0o600, 0o600, 0o600, 0o600]);
  });

  it("keeps its nodes and its public key over a stop and a start", async () => {
    const first = await started();
    await callApi(first, "POST", "/api/nodes", { nodes: [{ name: "n1" }] });
    await first.stop();
    await first.stop();

    const second = await started();

    expect(await callApi(second, "GET", "/api/nodes/n1")).toMatchObject({ name: "n1" });
    expect(second.status().pin).toBe(first.status().pin);
  });

  it("refuses a second daemon on the same state folder and leaves the first alone", async () => {
    const first = await started();

    await expect(startApp(config(), testEnv())).rejects.toMatchObject({ code: "conflict" });

    expect(await callApi(first, "GET", "/api/nodes")).toEqual({ nodes: [] });
  });

  it("writes names of headers as loaders look for them that know one form only", async () => {
    await started();

    const names = await new Promise<readonly string[]>((done, failed) => {
      const asked = { socketPath: join(folder, "state", "ingot.sock"), path: "/api/nodes" };
      request(asked, (incoming) => {
        incoming.resume();
        done(incoming.rawHeaders.filter((_, index) => index % 2 === 0));
      })
        .on("error", failed)
        .end();
    });

    expect(names).toContain("Content-Type");
    expect(names.filter((name) => /(^|-)[a-z]/.test(name))).toEqual([]);
  });

  it("undoes a start that fails half way: the folder and the socket are free again", async () => {
    const blocker = createServer();
    await new Promise<void>((done) => blocker.listen(0, "127.0.0.1", done));
    const address = blocker.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;

    const failed = startApp(config(`api: {listen: ["127.0.0.1:${port}"]}`), testEnv());

    await expect(failed).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`:${port}`),
    });
    blocker.close();
    expect((await started()).status().listeners).toHaveLength(2);
  });

  it("names the interfaces there are where one is missing", async () => {
    const failed = startApp(config("netboot: {interfaces: [{name: nosuch0}]}"), testEnv());

    await expect(failed).rejects.toMatchObject({
      code: "bad-input",
      details: { hint: expect.stringContaining("lo") },
    });
  });
});

/** A daemon of its own on the state folder, by the socket alone; "up" is what it says. */
function spawnDaemon(): ChildProcess {
  const script = join(folder, "daemon.mjs");
  const source = (path: string) => JSON.stringify(compiledFile(path));
  writeFileSync(
    script,
    `import { startApp } from ${source("server/app.ts")};
import { parseConfig } from ${source("server/config/parse.ts")};
import { testEnv } from ${source("test/fakes/env.ts")};
const config = parseConfig(${JSON.stringify(`state: ${join(folder, "state")}\napi: {listen: []}`)});
await startApp(config.value, testEnv());
console.log("up");
`,
  );
  return spawn(process.execPath, [script], {
    cwd: resolve(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("a daemon that is killed", () => {
  it("has everything that it had confirmed, fails the job it was running, and starts again", async () => {
    const daemon = spawnDaemon();
    await waitFor(daemon, "up");
    const silent = createServer();
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await post("/api/prepare", { host: "127.0.0.1", port }); // accepts, and never says a word
    let confirmed = 0;
    const writing = (async () => {
      for (let number = 1; ; number++) {
        if ((await post("/api/nodes", { nodes: [{ name: `n${number}`, groups: ["all"] }] })) === 201) {
          confirmed = number;
        }
      }
    })().catch(() => undefined);

    await delay(1500);
    daemon.kill("SIGKILL");
    await writing;
    silent.close();

    const app = await started("api: {listen: []}");
    const nodes = app.services.hosts.list().length;
    expect(confirmed).toBeGreaterThan(3);
    expect(nodes).toBeGreaterThanOrEqual(confirmed);
    expect(nodes).toBeLessThanOrEqual(confirmed + 1);
    const job = app.services.journal.list({ limit: 1 })[0];
    expect(job).toMatchObject({
      kind: "prepare",
      state: "failed",
      error: { message: expect.stringContaining("restart") },
    });
    const events = app.services.journal.events({ after: 0, limit: 100 });
    expect(events.map(({ id }) => id)).toEqual([...events.keys()].map((index) => index + 1));
    const again = app.services.jobs.rerun(job?.id ?? 0);
    expect(again).toMatchObject({ kind: "prepare", params: { port } });
  });

  it("knows all versions of its images, and none that there is not", async () => {
    const tree = join(folder, "state", "images", "web");
    mkdirSync(tree, { recursive: true, mode: 0o700 });
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const daemon = spawnDaemon();
      await waitFor(daemon, "up");
      const committing = (async () => {
        for (;;) {
          writeFileSync(join(tree, "file"), `${randomBytes(8).toString("hex")}\n`);
          await post("/api/images/web/commit", { message: "another" });
          await delay(40);
        }
      })().catch(() => undefined);
      const store = new DirectoryStore({
        state: join(folder, "state"),
        clock: { now: () => Date.now(), sleep: () => Promise.resolve() },
      });
      const made = async () => (await store.history(imageName("web")).catch(() => [])).length;
      while ((await made()) <= last) {
        await delay(50);
      }
      await delay(Math.random() * 1000);

      daemon.kill("SIGKILL");
      await committing;

      const app = await started("api: {listen: []}");
      const history = await app.services.store.history(imageName("web"));
      expect(history.length).toBeGreaterThan(last);
      last = history.length;
      for (const manifest of history) {
        expect(app.services.versions.find(manifest.image, manifest.number)).toEqual(manifest);
      }
      expect(app.services.versions.find(imageName("web"), last + 1)).toBeUndefined();
      await app.stop();
    }
  });
});

async function waitFor(child: ChildProcess, word: string): Promise<void> {
  for await (const chunk of child.stdout ?? []) {
    if (String(chunk).includes(word)) {
      return;
    }
  }
  throw new Error("the daemon ended before it was up");
}
