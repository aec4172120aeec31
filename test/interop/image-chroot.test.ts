/** `ingot image chroot` as a process: no service starts, everything is undone however it ends, and who holds an image is said. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp } from "../../server/app.ts";
import { parseConfig } from "../../server/config/parse.ts";
import { testEnv } from "../fakes/env.ts";
import { ingotProgram } from "../programs.ts";
import { callApi, followJob } from "../server/api-call.ts";
import { debianTar, unpackTree } from "./debian-tree.ts";

const repository = resolve(import.meta.dirname, "../..");
let folder = "";
let app: App;
const state = () => join(folder, "state");
const tree = (image = "web") => join(state(), "images", image);
const policy = () => join(tree(), "usr/sbin/policy-rc.d");

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/ingot-chroot-");
  const config = parseConfig(`state: ${state()}\napi: {listen: ["127.0.0.1:0"]}`);
  if (!config.ok) {
    throw new Error(JSON.stringify(config.error));
  }
  app = await startApp(config.value, testEnv());
  unpackTree(debianTar({ suite: "bookworm", packages: ["curl", "wget"] }), tree());
  // Without these, invoke-rc.d starts nothing in any case.
  writeFileSync(join(tree(), "usr/sbin/init"), "", { mode: 0o755 });
  writeFileSync(join(tree(), "usr/sbin/runlevel"), "#!/bin/sh\necho N 2\n", { mode: 0o755 });
  mkdirSync(join(tree(), "etc/rc2.d"), { recursive: true });
  symlinkSync("../init.d/evil", join(tree(), "etc/rc2.d/S01evil"));
  writeFileSync(join(tree(), "etc/init.d/evil"), '#!/bin/sh\n[ "$1" != start ] || touch /started\n', {
    mode: 0o755,
  });
  expect((await commit()).state).toBe("done");
});

afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function commit(image = "web") {
  return await followJob(app, await callApi(app, "POST", `/api/images/${image}/commit`, { message: "test" }));
}

function argv(...words: readonly string[]): readonly string[] {
  return [ingotProgram[1], "image", "chroot", "--state", state(), ...words];
}

/** The daemon runs in this process, so nothing may block it. */
function chroot(...words: readonly string[]) {
  return new Promise<{ readonly code: number | null; readonly output: string }>((done) => {
    const child = spawn(process.execPath, argv(...words), {
      cwd: repository,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString("latin1");
      });
    }
    child.once("close", (code) => done({ code, output }));
  });
}

/** Processes whose root the tree is. */
function inside(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/root`) === tree();
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The limit only ends what hangs. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = AbortSignal.timeout(120_000);
  while (!(await what())) {
    end.throwIfAborted();
    await new Promise((done) => setTimeout(done, 50));
  }
}

function expectUndone(): void {
  expect(existsSync(policy())).toBe(false);
  expect(readFileSync("/proc/self/mountinfo", "latin1")).not.toContain(folder);
}

describe("working inside an image", () => {
  it("starts no service, though the same call outside of it would", async () => {
    const { output } = await chroot(
      "web",
      "--",
      "sh",
      "-c",
      "invoke-rc.d evil start; echo $SYSTEMD_OFFLINE; ls /proc/self/status; test -d /run/systemd; echo $?",
    );

    expect(output).toMatch(/policy-rc.d denied execution of start/);
    expect(output).toMatch(/\n1\n\/proc\/self\/status\n1\n/);
    expect(existsSync(join(tree(), "started"))).toBe(false);
    expectUndone();
    spawnSync("chroot", [tree(), "invoke-rc.d", "evil", "start"]);
    expect(existsSync(join(tree(), "started"))).toBe(true);
    rmSync(join(tree(), "started"));
  });

  it("leaves nothing to commit when nothing was changed, and what was changed when something was", async () => {
    await commit();
    await chroot("web", "--", "true");
    expect((await commit()).result).toMatchObject({ changed: false });
    expect((await chroot("web", "--", "sh", "-c", "echo new >/etc/motd; exit 3")).code).toBe(3);
    expect((await commit()).result).toMatchObject({ changed: true });
    expectUndone();
  });

  it("writes nothing outside of the tree, wherever the image's resolv.conf leads", async () => {
    const outside = join(folder, "outside");
    writeFileSync(outside, "mine\n");
    const conf = join(tree(), "etc/resolv.conf");
    rmSync(conf, { force: true });
    for (const start of ["/run", "../run", "/run/systemd"]) {
      symlinkSync(`${start}${"/..".repeat(12)}${outside}`, conf);

      expect(await chroot("web", "--", "true")).toEqual({ code: 0, output: "" });

      expect(readFileSync(outside, "latin1")).toBe("mine\n");
      rmSync(conf);
    }
    expectUndone();
  });

  it("holds the image: others are told who does", async () => {
    const child = spawn(process.execPath, argv("web", "--", "sleep", "1000"), {
      cwd: repository,
      stdio: "ignore",
    });
    try {
      await until(() => inside().length > 0 && existsSync(policy()));
      const holder = new RegExp(`Image web is in use: chroot by \\S+ \\(pid ${child.pid}\\) holds it`);

      expect((await commit()).error?.message).toMatch(holder);
      expect((await chroot("web", "--", "true")).output).toMatch(holder);
      expect(JSON.stringify(await callApi(app, "POST", "/api/images/web/prune", { keep: 1 }))).toMatch(
        holder,
      );
      expect(JSON.stringify(await callApi(app, "DELETE", "/api/images/web"))).toMatch(holder);
      const rollback = await callApi(app, "POST", "/api/images/web/rollback", { version: 1 });
      expect((await followJob(app, rollback)).error?.message).toMatch(holder);
      // Reading versions is nobody's business.
      expect(await callApi(app, "GET", "/api/images/web/diff?from=1&to=2")).toMatchObject({ from: 1, to: 2 });
    } finally {
      child.kill("SIGTERM");
    }
    await until(() => inside().length === 0);
    await until(async () => (await commit()).state === "done");
    expectUndone();
  });

  it.each([
    ["the command line", (cli: number) => cli],
    ["the shell inside", () => inside()[0] ?? 0],
  ])("is undone when %s is killed", async (_what, victim) => {
    const child = spawn(process.execPath, argv("web", "--", "sh", "-c", "sleep 1000 & sleep 1000"), {
      cwd: repository,
      stdio: "ignore",
    });
    const ended = new Promise<void>((done) => child.once("exit", () => done()));
    await until(() => inside().length >= 2 && existsSync(policy()));

    process.kill(victim(child.pid ?? 0), "SIGKILL");

    await ended;
    await until(() => inside().length === 0);
    await until(() => !existsSync(policy()));
    await until(async () => (await commit()).state === "done");
    expectUndone();
  });

  it("does not commit what a chroot left whose server lost power", async () => {
    await chroot("web", "--", "true");
    execFileSync("sh", [join(repository, "images/chroot/services-off.sh"), "put", tree()]);
    expect(existsSync(policy())).toBe(true);

    expect((await commit()).result).toMatchObject({ changed: false });

    expectUndone();
  });

  it("leaves alone a policy-rc.d of the image's own", async () => {
    writeFileSync(policy(), "#!/bin/sh\nexit 0\n", { mode: 0o755 });

    await chroot("web", "--", "true");

    expect(readFileSync(policy(), "utf8")).toBe("#!/bin/sh\nexit 0\n");
    rmSync(policy());
  });
});

describe("a tree in which nothing can run", () => {
  it("is told from one that is for another processor, and from one without a shell", async () => {
    mkdirSync(join(tree("foreign"), "usr/bin"), { recursive: true });
    symlinkSync("usr/bin", join(tree("foreign"), "bin"));
    const shell = join(tree("foreign"), "usr/bin/dash");
    copyFileSync(join(tree(), "usr/bin/dash"), shell);
    const bytes = readFileSync(shell);
    // e_machine: AArch64 where this server is not one.
    bytes.writeUInt16LE(process.arch === "arm64" ? 62 : 183, 18);
    writeFileSync(shell, bytes);
    symlinkSync("/usr/bin/dash", join(tree("foreign"), "usr/bin/sh"));
    mkdirSync(join(tree("empty"), "etc"), { recursive: true });
    for (const image of ["foreign", "empty"]) {
      expect((await commit(image)).state).toBe("done");
    }

    const [foreign, empty, absent] = [
      await chroot("foreign"),
      await chroot("empty"),
      await chroot("web", "--", "no-such-program"),
    ];

    expect(foreign.output).toMatch(
      /Image foreign is for (aarch64, and this server is x86_64|x86_64, and this server is aarch64): its programs cannot run here/,
    );
    expect(empty.output).toMatch(/Image empty has no \/bin\/sh: without a shell, nothing can be done in it/);
    expect(absent.output).toMatch(/Image web has no no-such-program/);
    expect([foreign.code, empty.code, absent.code]).toEqual([5, 5, 5]);
    expect((await commit("foreign")).result).toMatchObject({ changed: false });
  });
});
