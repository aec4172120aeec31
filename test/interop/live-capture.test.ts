/** Captures of machines that go on working: over a real sshd, with programs that write while they are read. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CaptureRequest } from "../../images/capture/request.ts";
import { captureImage } from "../../images/capture/run.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { compileTo } from "../bench/compile.ts";
import { localSession } from "../fakes/remote.ts";
import { rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd, memoryHostKeys, startSshd } from "./ssh-server.ts";
import { imageName } from "./store-support/image-name.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = imageName("live");

describe.skipIf(!hasSshd)("a machine that goes on working", () => {
  let folder: string;
  let root: string;
  let store: DirectoryStore;
  let writer: ChildProcess | undefined;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "ingot-restless-"));
    root = path.join(folder, "golden");
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
    shell(
      `mkdir -p '${root}'; cd '${root}'; for i in $(seq 60); do echo still $i >still-$i; done; touch -d '1 hour ago' still-*`,
    );
  });

  afterEach(() => {
    writer?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const capture = (session: RemoteSession, options: Partial<CaptureRequest> = {}) =>
    captureImage({ session, store, image, root, clock, ...options });
  const stored = (name: string) => path.join(store.treePath(image), name);

  /** Does something on the client just when a command is sent that begins as told, once. */
  function meddling(base: RemoteSession, when: (command: string) => boolean, what: string): RemoteSession {
    let done = false;
    return {
      ...base,
      exec: async (command, options) => {
        if (!done && when(command)) {
          done = true;
          shell(what);
        }
        return await base.exec(command, options);
      },
    };
  }
  const isTar = (command: string) => command.includes("tar --create");

  test("is captured whole while it writes; what would not hold still is named, and comes when it does", async () => {
    const sshd = await startSshd();
    const live = spawn(
      process.execPath,
      [compileTo(path.join(folder, "built"), "test/interop/restless-writer.ts"), root],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    writer = live;
    await once(live.stdout, "data");
    const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] });
    const session = await connector.connect({ host: "127.0.0.1", port: sshd.port, user: "root" });
    try {
      let missed = 0;
      for (let round = 0; round < 2; round++) {
        const { warnings } = await capture(session);
        const said = warnings.join("\n");
        missed += warnings.length;
        if (existsSync(stored("hidden"))) {
          expect(readFileSync(stored("hidden"), "latin1")).toMatch(/^(?:a+|b+|c+|d+)$/);
        } else {
          expect(said).toContain("/hidden would not hold still while it was read, in 4 attempts");
        }
        if (existsSync(stored("renamed"))) {
          expect(readFileSync(stored("renamed"), "latin1")).toMatch(
            /^(?:a{300000}|b{300000}|c{300000}|d{300000})$/,
          );
        }
        if (existsSync(stored("log"))) {
          const lines = readFileSync(stored("log"), "latin1").split("\n");
          expect(lines.pop()).toBe("");
          expect(lines.every((line, at) => line === `line ${at}`)).toBe(true);
        }
        if (existsSync(stored("either")) && statSync(stored("either")).isFile()) {
          expect(readFileSync(stored("either"), "latin1")).toMatch(/^[abcd]$/);
        }
        expect(readFileSync(stored("still-7"), "latin1")).toBe("still 7\n");
        expect(said).not.toContain("No such file");
      }
      expect(missed).toBeGreaterThan(0);
      live.kill("SIGKILL");
      await once(live, "exit");

      await capture(session);

      expect(rsyncDifferences(root, store.treePath(image))).toEqual([]);
      await store.verify({ image });
    } finally {
      await session.close();
      await sshd.stop();
    }
  });

  test("what came, changed or went after the listing is in the version", async () => {
    const during = `cd '${root}'; echo new >came; rm still-3; chmod 600 still-4; ln -s x link; mkdir folder; echo y >folder/file`;

    const result = await capture(meddling(localSession(), isTar, during));

    expect(result.passes).toBe(2);
    expect(result.warnings).toEqual([]);
    expect(rsyncDifferences(root, store.treePath(image))).toEqual([]);
  });

  test("a few files are read by their names, whatever these are", async () => {
    await capture(localSession());
    // Of a name with backslashes tar makes another one, unless it is told not to.
    for (const name of ["back\\slash\\n", "two\\\\", "\\101", "-dash", "new\nline", "*", "$(x)"]) {
      writeFileSync(path.join(root, name), "content\n");
    }
    const large = path.join(root, "large\\n");
    writeFileSync(large, randomBytes(3_000_000));
    await capture(localSession());
    shell(`printf x | dd of='${large}' seek=2000000 bs=1 conv=notrunc status=none`);

    const result = await capture(localSession());

    expect(result.warnings).toEqual([]);
    expect(result.sentBytes).toBeLessThan(1_000_000);
    expect(rsyncDifferences(root, store.treePath(image))).toEqual([]);
  });

  test("what changed in a directory that did not, long ago", async () => {
    shell(`mkdir -p '${root}/var/log'; echo one >'${root}/var/log/journal'`);
    // Longer than the slack that a client's clock is given.
    await delay(7000);

    const result = await capture(meddling(localSession(), isTar, `cd '${root}'; echo two >>var/log/journal`));

    expect(result.passes).toBe(2);
    expect(result.warnings).toEqual([]);
    expect(rsyncDifferences(root, store.treePath(image))).toEqual([]);
  });

  test("a file of the same size and time as listed, but changed since, is read again", async () => {
    shell(`echo one >'${root}/same'; touch -d '1 hour ago' '${root}/same'`);
    const during = `cd '${root}'; touch -r same ../time; echo two >same; touch -r ../time same`;

    const first = await capture(meddling(localSession(), isTar, during));

    expect(first.passes).toBe(2);
    expect(readFileSync(stored("same"), "latin1")).toBe("two\n");
    expect((await capture(localSession())).sentFiles).toBe(0);
  });

  test("what changes in each pass is in the image as it was at one moment, and named; the passes end", async () => {
    let turn = 0;
    const base = localSession();
    const session: RemoteSession = {
      ...base,
      exec: async (command, options) => {
        if (isTar(command)) {
          turn += 1;
          // More than are guarded one by one.
          shell(`cd '${root}'; echo ${turn} >>log; touch -d @${turn} still-*`);
        }
        return await base.exec(command, options);
      },
    };

    const result = await capture(session);

    expect(result.passes).toBe(4);
    expect(result.warnings.join("\n")).toMatch(/\/log would not hold still/);
  });

  test("files that were all written anew after the listing are all read again", async () => {
    shell(
      `cd '${root}'; for i in $(seq 800); do echo $i >a-name-that-makes-the-line-which-tar-prints-a-long-one-$i; done`,
    );
    const during = `cd '${root}'; for i in $(seq 800); do echo other $i >a-name-that-makes-the-line-which-tar-prints-a-long-one-$i; done`;

    const result = await capture(meddling(localSession(), isTar, during));

    expect(result.passes).toBe(2);
    expect(rsyncDifferences(root, store.treePath(image))).toEqual([]);
  });
});
