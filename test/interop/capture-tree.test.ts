import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RelPath } from "../../base/path-bytes.ts";
import { captureImage, prepareClient } from "../../images/capture/run.ts";
import type { ImageName } from "../../images/manifest.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { DirectoryStore } from "../../images/store/directory-store.ts";
import { localSession } from "../fakes/remote.ts";
import { makeClientTree, rsyncDifferences, shell } from "./client-tree.ts";
import { hasSshd, memoryHostKeys, startSshd, type TestSshd } from "./ssh-server.ts";

const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
const image = "web" as ImageName;
/** Excluded by the default profiles; the tests' trees lie in the machine's own /tmp. */
const volatile = ["/proc/*", "/sys/*", "/dev/*", "/tmp/*", "/var/tmp/*"];

describe.skipIf(!hasSshd)("a capture over SSH", () => {
  let sshd: TestSshd;
  let session: RemoteSession;
  let folder: string;
  let client: string;
  let store: DirectoryStore;

  beforeAll(async () => {
    sshd = await startSshd();
    session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect({
      host: "127.0.0.1",
      port: sshd.port,
      user: "root",
    });
    folder = mkdtempSync(path.join(tmpdir(), "ingot-capture-"));
    client = path.join(folder, "client");
    makeClientTree(client);
    store = new DirectoryStore({ state: path.join(folder, "state"), clock });
  });

  afterAll(async () => {
    await session.close();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const capture = (more: object = {}) =>
    captureImage({ session, store, image, root: client, clock, ...more });

  test("makes an image that rsync cannot tell from the client", async () => {
    const result = await capture({ layout: () => "<config/>\n" });

    expect(result).toMatchObject({ version: 1, changed: true, passes: 1, warnings: [] });
    expect(result.sentFiles).toBeGreaterThan(200);
    const differences = rsyncDifferences(client, store.treePath(image), [
      ...volatile,
      "/etc/systemimager/autoinstallscript.conf",
    ]);
    expect(differences.filter((line) => !line.endsWith(" etc/systemimager/"))).toEqual([]);
    expect(shell(`cat '${store.treePath(image)}/etc/systemimager/autoinstallscript.conf'`)).toBe(
      "<config/>\n",
    );
    expect(shell(`du -k '${store.treePath(image)}/var/lib/app/sparse' | cut -f1`).trim()).toMatch(
      /^\d{1,3}$/,
    );
  });

  test("moves nothing and makes no version when nothing has changed", async () => {
    const result = await capture({ layout: () => "<config/>\n" });

    expect(result).toMatchObject({ version: 1, changed: false, deleted: 0, sentBytes: 0 });
    expect(result.sentFiles).toBeLessThanOrEqual(1);
  });

  test("moves only what changed, an attribute among it", async () => {
    shell(`cd '${client}'
      echo changed > etc/motd-2; rm usr/lib/file-7; chmod 600 usr/lib/file-8
      setfattr -n user.late -v x usr/lib/file-9
      printf 'FILE 10' > x; touch -r usr/lib/file-10 x; cat x > usr/lib/file-10; touch -r x usr/lib/file-10; rm x`);

    const result = await capture();

    expect(result).toMatchObject({ version: 2, changed: true, deleted: 1 });
    expect(result.sentFiles).toBeLessThan(12);
    const differences = rsyncDifferences(client, store.treePath(image), [
      ...volatile,
      "/etc/systemimager/autoinstallscript.conf",
    ]);
    expect(differences.filter((line) => !line.endsWith(" etc/systemimager/"))).toEqual([]);
  });

  test("leaves no version when it is cut off, and goes on from what arrived", async () => {
    shell(
      `mkdir -p '${folder}/big/data'; for i in $(seq 60); do head -c 1000000 /dev/urandom > '${folder}/big/data/'$i; done; sleep 6; touch '${folder}/big/data/1'`,
    );
    const stop = new AbortController();
    const cut = captureImage({
      session,
      store,
      image: "big" as ImageName,
      root: `${folder}/big`,
      clock,
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.phase === "commit") {
          stop.abort();
        }
      },
    });

    await expect(cut).rejects.toMatchObject({ code: "cancelled" });
    expect(await store.history("big" as ImageName).catch(() => [])).toEqual([]);
    const again = await captureImage({
      session,
      store,
      image: "big" as ImageName,
      root: `${folder}/big`,
      clock,
    });

    expect(again).toMatchObject({ version: 1, files: 62 });
    expect(again.sentFiles).toBeLessThan(10);
    expect(rsyncDifferences(`${folder}/big`, store.treePath("big" as ImageName))).toEqual([]);
  });

  test("never stores a file that is written to while it is read", async () => {
    shell(
      `mkdir -p '${folder}/busy'; head -c 30000000 /dev/zero > '${folder}/busy/log'; echo calm > '${folder}/busy/calm'`,
    );
    const stop = new AbortController();
    const writer = (async () => {
      while (!stop.signal.aborted) {
        shell(`echo more >> '${folder}/busy/log'`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();

    const result = await captureImage({
      session,
      store,
      image: "busy" as ImageName,
      root: `${folder}/busy`,
      clock,
    });
    stop.abort();
    await writer;

    const paths: RelPath[] = [];
    for await (const entry of store.entries({ image: "busy" as ImageName, number: result.version })) {
      paths.push(entry.path);
    }
    expect(paths).toContain("calm");
    if (paths.includes("log" as RelPath)) {
      const stored = shell(
        `cmp -n $(stat -c %s '${store.treePath("busy" as ImageName)}/log') '${store.treePath("busy" as ImageName)}/log' '${folder}/busy/log' && echo same`,
      );
      expect(stored).toBe("same\n");
    } else {
      expect(result.warnings.join()).toContain("/log would not hold still");
    }
  });

  test("refuses when the server's disk is too small, and leaves the version as it was", async () => {
    shell(
      `mkdir -p '${folder}/small'; mount -t tmpfs -o size=8m tmpfs '${folder}/small'; mkdir '${folder}/large'; head -c 20000000 /dev/urandom > '${folder}/large/file'; mkdir '${folder}/large/etc'`,
    );
    try {
      const small = new DirectoryStore({ state: `${folder}/small`, clock });

      await expect(
        captureImage({ session, store: small, image, root: `${folder}/large`, clock }),
      ).rejects.toMatchObject({ code: "no-space" });

      expect(await small.history(image).catch(() => [])).toEqual([]);
    } finally {
      shell(`umount '${folder}/small'`);
    }
  });

  test("says what is missing on a client whose tools do not do", async () => {
    const poor = path.join(folder, "poor-bin");
    shell(
      `mkdir -p '${poor}'; for t in sh cat id uname df dd od tr sed find; do ln -s "$(command -v busybox)" '${poor}'/$t; done`,
    );
    const hidden: RemoteSession = {
      ...session,
      run: (command, options) =>
        session.run(
          `PATH=${poor}; ${command.replaceAll("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin", ":")}` as typeof command,
          options,
        ),
    };

    await expect(captureImage({ session: hidden, store, image, root: client, clock })).rejects.toMatchObject({
      code: "missing-tool",
      message: expect.stringMatching(/no find of use.* no tar of use/),
    });
  });

  test("prepares a client: tells what it is and writes its layout", async () => {
    const prepared = await prepareClient({
      session,
      root: client,
      layout: (facts) => `<!-- ${facts.os.id} -->\n`,
      write: true,
    });

    expect(prepared).toMatchObject({ written: true, facts: { root: true } });
    expect(prepared.facts.disks.length).toBeGreaterThan(0);
    expect(shell(`cat '${client}/etc/systemimager/autoinstallscript.conf'`)).toMatch(/^<!-- \w+ -->\n$/);
  });
});

describe("a capture by any session", () => {
  test("refuses a user who cannot read everything", async () => {
    const session = localSession();
    const limited: RemoteSession = {
      ...session,
      run: (command, options) =>
        session.run(command.replace("id -u", "echo 1000") as typeof command, options),
    };

    await expect(
      captureImage({
        session: limited,
        store: new DirectoryStore({ state: "/nonexistent", clock }),
        image,
        clock,
      }),
    ).rejects.toMatchObject({ code: "refused" });
  });
});
