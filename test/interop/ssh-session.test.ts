import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { trustedShell } from "../../base/posix-quote.ts";
import { sshConnector } from "../../images/remote/ssh-session.ts";
import { remoteSessionContract } from "../contracts/remote-session.ts";
import { localSession } from "../fakes/remote.ts";
import { freePort, hasSshd, memoryHostKeys, startSshd, type TestSshd } from "./ssh-server.ts";

describe.skipIf(!hasSshd)("an SSH session to a real sshd", () => {
  let sshd: TestSshd;

  beforeAll(async () => {
    sshd = await startSshd();
  });

  afterAll(async () => {
    await sshd.stop();
  });

  const target = () => ({ host: "127.0.0.1", port: sshd.port, user: "root" });

  remoteSessionContract("the SSH session", () =>
    sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect(target()),
  );

  test("pins the host key at first contact and knows it the second time", async () => {
    const hostKeys = memoryHostKeys();
    const connector = sshConnector({ hostKeys, keyFiles: [sshd.key] });

    for (let i = 0; i < 2; i++) {
      const session = await connector.connect(target());
      await session.close();
    }

    const [, , blob] = execFileSync("ssh-keyscan", ["-t", "ed25519", "-p", String(sshd.port), "127.0.0.1"])
      .toString()
      .trim()
      .split(" ");
    expect([...hostKeys.pinned.values()].flat().map((key) => Buffer.from(key).toString("base64"))).toEqual([
      blob,
    ]);
  });

  test("names user, host and keys when no key is let in", async () => {
    const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.wrongKey, "/nowhere/id"] });

    await expect(connector.connect(target())).rejects.toMatchObject({
      code: "remote-auth",
      message: expect.stringMatching(/127\.0\.0\.1 refuses user root.*wrong.*\/nowhere\/id \(not usable/),
    });
  });

  test("takes keys from an agent", async () => {
    const [, agent = "", pid = ""] =
      /SSH_AUTH_SOCK=([^;]+);.*SSH_AGENT_PID=(\d+);/s.exec(execFileSync("ssh-agent", ["-s"]).toString()) ??
      [];
    try {
      execFileSync("ssh-add", ["-q", sshd.key], {
        env: { ...process.env, SSH_AUTH_SOCK: agent },
        stdio: "ignore",
      });
      const session = await sshConnector({ hostKeys: memoryHostKeys(), agent }).connect(target());

      const result = await session.run(trustedShell("echo yes"));

      expect(Buffer.from(result.stdout).toString()).toBe("yes\n");
      await session.close();
    } finally {
      process.kill(Number(pid));
    }
  });

  test("tells a machine that does not answer", async () => {
    const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] });
    const port = await freePort();

    await expect(connector.connect({ host: "127.0.0.1", port, user: "root" })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining(`root@127.0.0.1 port ${port}`),
    });
  });

  test("gives up on a connection attempt when asked to", async () => {
    const stop = AbortSignal.timeout(100);
    const connector = sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] });

    await expect(
      connector.connect({ host: "192.0.2.1", port: 22, user: "root" }, { signal: stop }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/cancelled|unreachable/),
    });
  });

  test("tells that the connection broke under a command", async () => {
    const session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect(
      target(),
    );

    const running = await session.exec(trustedShell('kill -9 "$PPID"; sleep 5'));
    for await (const chunk of running.stdout) {
      expect(chunk).toBeDefined();
    }

    await expect(running.exit).rejects.toMatchObject({ code: "unreachable" });
  });

  test("has all of a command that came to its end while nobody listened", async () => {
    const session = await sshConnector({ hostKeys: memoryHostKeys(), keyFiles: [sshd.key] }).connect(
      target(),
    );
    try {
      for (let i = 0; i < 5; i++) {
        // Between two looks at the socket, all that the machine says of the command arrives.
        const busy = setInterval(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100), 0);
        const running = session.run(trustedShell("echo here; echo there >&2; exit 3"));
        void running.finally(() => clearInterval(busy)).catch(() => undefined);

        const { code, stdout, stderr } = await running;

        expect([code, String(Buffer.from(stdout)), stderr]).toEqual([3, "here\n", "there\n"]);
      }
    } finally {
      await session.close();
    }
  });

  test("refuses a changed host key, with both fingerprints", async () => {
    const hostKeys = memoryHostKeys();
    const connector = sshConnector({ hostKeys, keyFiles: [sshd.key] });
    await (await connector.connect(target())).close();
    await sshd.changeHostKey();
    const shown = execFileSync("ssh-keygen", ["-lf", sshd.hostKeyFile]).toString().split(" ")[1];

    const refused = connector.connect(target());

    await expect(refused).rejects.toMatchObject({
      code: "host-key",
      message: expect.stringMatching(/it was SHA256:\S+, it is now SHA256:\S+/),
      details: { fields: { shown } },
    });
    expect(hostKeys.pinned.get(`127.0.0.1:${sshd.port}`)).toHaveLength(1);
  });
});

remoteSessionContract("the local fake", () => Promise.resolve(localSession()));
