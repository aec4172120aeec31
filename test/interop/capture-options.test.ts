import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CaptureRequest } from "../../images/capture/request.ts";
import { captureImage } from "../../images/capture/run.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { localSession } from "../fakes/remote.ts";
import { shell } from "./client-tree.ts";
import { startDaemonProcess } from "./daemon-process.ts";
import { hasSshd, memoryHostKeys, startSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = {
  now: () => Date.now(),
  sleep: async (time: number, signal?: AbortSignal) =>
    await delay(time, undefined, signal === undefined ? {} : { signal }),
};

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await delay(20);
  }
}

/** Leaves out all of this machine but one folder, each by its name: `/*` would, too, but all of it would be listed. */
function withoutAll(but = ""): readonly string[] {
  return readdirSync("/")
    .filter((name) => name !== but)
    .flatMap((name) => ["--exclude", `/${name}`]);
}

describe.skipIf(!hasSshd)("options of a capture", () => {
  let folder: string;
  let root: string;
  let store: DirectoryStore;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-options-"));
    root = path.join(folder, "golden");
    shell(`mkdir -p '${root}/etc' '${root}/srv'; echo x >'${root}/etc/motd'`);
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  });

  afterEach(() => {
    shell(`umount '${root}/srv' 2>/dev/null || true`);
    rmSync(folder, { recursive: true, force: true });
  });

  const capture = (options: Partial<CaptureRequest> = {}) =>
    captureImage({ session: localSession(), store, image: imageName("web"), root, clock, ...options });
  const log = () => readFileSync(path.join(folder, "log"), "utf8");

  test("before runs ahead of the listing, after when all is read", async () => {
    await capture({
      before: `echo before >>${folder}/log; echo dumped >${root}/etc/dump`,
      after: `echo after >>${folder}/log; rm ${root}/etc/dump`,
    });

    expect(log()).toBe("before\nafter\n");
    expect(readFileSync(path.join(store.treePath(imageName("web")), "etc/dump"), "utf8")).toBe("dumped\n");
  });

  test("a failing before stops the capture, and after still runs", async () => {
    const failed = capture({ before: "echo no database; exit 3", after: `echo after >>${folder}/log` });

    await expect(failed).rejects.toMatchObject({
      code: "remote-failed",
      message: expect.stringMatching(/--before failed on local with code 3/),
      details: { hint: expect.stringContaining("no database") },
    });
    expect(log()).toBe("after\n");
    expect(await store.list()).toEqual([]);
  });

  test("after runs when the capture is stopped, and its own failure is told", async () => {
    const stop = new AbortController();
    const stopped = capture({
      before: "true",
      after: `echo after >>${folder}/log`,
      onProgress: ({ phase }) => phase === "list" && stop.abort(),
      signal: stop.signal,
    });

    await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    expect(log()).toBe("after\n");
    await expect(capture({ after: "exit 9" })).rejects.toMatchObject({
      message: expect.stringMatching(/--after failed on local with code 9/),
    });
  });

  test("one-file-system leaves out local filesystems below the root, and keeps their place", async () => {
    shell(`truncate -s 8M '${folder}/disk'; mkfs.ext4 -q '${folder}/disk'; mount -o loop '${folder}/disk' '${root}/srv'
      echo inside >'${root}/srv/file'`);

    const whole = await capture();
    const one = await capture({ oneFileSystem: true });

    expect(whole.captured).toHaveLength(2);
    expect(one.leftOut.map(({ mountPoint }) => mountPoint)).toContain(`${root}/srv`);
    expect(shell(`ls '${store.treePath(imageName("web"))}/srv'`)).toBe("");
  });

  test("nice runs every command at the lowest priority", async () => {
    const seen: string[] = [];
    const base = localSession();
    const session: RemoteSession = {
      ...base,
      exec: (command, options) => {
        seen.push(command);
        return base.exec(command, options);
      },
    };

    await capture({ session, nice: true, before: `nice >>${folder}/log` });
    const asked = await base.run(
      (seen.at(-1) ?? "").replace(/sh -c [\s\S]*$/, "sh -c 'nice; ionice'") as never,
      {},
    );

    expect(Buffer.from(asked.stdout).toString()).toBe("19\nidle\n");
    expect(log()).toBe(shell("nice"));
  });

  test("the command line and the API pass them on", async () => {
    const sshd = await startSshd();
    const daemon = await startDaemonProcess(path.join(folder, "daemon"), `ssh: {keys: [${sshd.key}]}\n`);
    try {
      const note = (word: string) => `echo ${word} $(nice) >>${folder}/log`;
      const words = ["capture", "web", "127.0.0.1", "--port", String(sshd.port), ...withoutAll()];
      const options = [
        "--nice",
        "--checksum",
        "--one-file-system",
        "--limit",
        "10M",
        "--before",
        note("before"),
      ];

      const said = daemon.ingot([...words, ...options, "--after", note("after"), "--quiet"]);

      expect(said).toMatch(/^web@1: /);
      expect(log()).toMatch(/^before \d+\nafter \d+\n$/);
      expect(() => daemon.ingot([...words, "--before", "false", "--after", note("again")])).toThrow(
        /--before failed/,
      );
      expect(log()).toMatch(/again/);
      expect(() => daemon.ingot([...words, "--limit", "fast"])).toThrow(/is not a rate/);
    } finally {
      await daemon.stop();
      await sshd.stop();
    }
  });

  test("after runs when the daemon is told to end, and when it is killed", async () => {
    const sshd = await startSshd();
    try {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const daemon = await startDaemonProcess(path.join(folder, signal), `ssh: {keys: [${sshd.key}]}\n`);
        const words = ["capture", "web", "127.0.0.1", "--port", String(sshd.port), "--limit", "1k"];
        const capturing = daemon.start([
          ...words,
          ...withoutAll("etc"),
          ...["--before", `echo before >>${folder}/log`, "--after", `echo ${signal} >>${folder}/log`],
        ]);
        await until(() => existsSync(path.join(folder, "log")) && log().endsWith("before\n"));

        await daemon.stop(signal);

        await until(() => log().endsWith(`${signal}\n`));
        await capturing;
      }
      expect(log()).toBe("before\nSIGTERM\nbefore\nSIGKILL\n");
    } finally {
      await sshd.stop();
    }
  });

  test("a command may say any bytes", async () => {
    const before = "printf 'a\\036\\n\\0360\\nb\\377'";

    await expect(capture({ before: `${before}; exit 3` })).rejects.toThrow(/--before failed .* with code 3/);
    await capture({ before, after: before });
  });

  test("a before that does not end is killed on request, and after runs", async () => {
    const stop = new AbortController();
    const sshd = await startSshd();
    const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] });
    const session = await connector.connect({ host: "127.0.0.1", port: sshd.port, user: "root" });
    try {
      const stopped = capture({
        session,
        before: `echo before >>${folder}/log; sleep 1000`,
        after: `echo after >>${folder}/log`,
        signal: stop.signal,
      });
      stopped.catch(() => undefined);
      await until(() => existsSync(path.join(folder, "log")));
      stop.abort();

      await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
      expect(log()).toBe("before\nafter\n");
    } finally {
      await session.close();
      await sshd.stop();
    }
  });

  test("limit holds the content to the rate", async () => {
    shell(`head -c 3000000 /dev/urandom >'${root}/etc/big'`);
    const started = Date.now();

    await capture({ limit: 1_000_000 });

    expect(Date.now() - started).toBeGreaterThan(2600);
  });
});
