/** What every RemoteSession does: run against the SSH one and against the fake that other tests use. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAll } from "../../base/async.ts";
import { sh, trustedShell } from "../../base/posix-quote.ts";
import type { RemoteSession } from "../../images/remote/session.ts";

export function remoteSessionContract(name: string, open: () => Promise<RemoteSession>): void {
  describe(`${name} keeps the contract of a session: it`, () => {
    let session: RemoteSession;

    beforeAll(async () => {
      session = await open();
    });

    afterAll(async () => {
      await session.close();
    });

    test("returns output, error output and exit code", async () => {
      const result = await session.run(trustedShell("printf out; printf err >&2; exit 7"));

      expect(Buffer.from(result.stdout).toString()).toBe("out");
      expect(result.stderr).toBe("err");
      expect(result.code).toBe(7);
    });

    test("passes bytes through unchanged, in words and both streams", async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const word = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1)).toString("latin1");

      const echoed = await session.run(trustedShell("cat"), { stdin: chunks([every]) });
      const spoken = await session.run(sh`printf %s ${word}`);

      expect(Buffer.from(echoed.stdout).equals(every)).toBe(true);
      expect(Buffer.from(spoken.stdout).toString("latin1")).toBe(word);
    });

    test("streams 32 MiB each way in small and large pieces", async () => {
      const size = 32 * 1024 * 1024;
      const pieces = async function* () {
        for (let left = size; left > 0; ) {
          const length = Math.min(left, left % 3 === 0 ? 512 : 100_000);
          left -= length;
          yield new Uint8Array(length).fill(left & 0xff);
        }
      };

      const running = await session.exec(trustedShell("cat"), { stdin: pieces() });
      let received = 0;
      for await (const chunk of running.stdout) {
        received += chunk.length;
      }

      expect(received).toBe(size);
      expect((await running.exit).code).toBe(0);
    });

    test("runs commands at the same time", async () => {
      const results = await Promise.all(
        Array.from({ length: 5 }, (_, i) => session.run(sh`sleep 0.2; printf ${String(i)}`)),
      );

      expect(results.map((result) => Buffer.from(result.stdout).toString())).toEqual([
        "0",
        "1",
        "2",
        "3",
        "4",
      ]);
    });

    test("ends a command whose output is no longer wanted", async () => {
      const running = await session.exec(trustedShell("yes"));

      for await (const chunk of running.stdout) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }

      await expect(running.exit).rejects.toMatchObject({ code: "cancelled" });
    });

    test("ends a command when asked to", async () => {
      const stop = new AbortController();
      const running = await session.exec(trustedShell("exec sleep 60"), { signal: stop.signal });
      stop.abort();

      await expect(readAll(running.stdout, { limit: 10, what: "output" })).resolves.toHaveLength(0);
      await expect(running.exit).rejects.toMatchObject({ code: "cancelled" });
    });

    test("does not wait for input that the command does not read", async () => {
      const endless = async function* () {
        for (;;) {
          yield new Uint8Array(65536);
        }
      };

      const result = await session.run(trustedShell("head -c 10 >/dev/null; exit 3"), { stdin: endless() });

      expect(result.code).toBe(3);
    });

    test("hands on a failure of the input", async () => {
      const broken = async function* () {
        yield new Uint8Array(10);
        throw new Error("source failed");
      };
      const running = await session.exec(trustedShell("cat"), { stdin: broken() });
      await readAll(running.stdout, { limit: 100, what: "output" }).catch(() => undefined);

      await expect(running.exit).rejects.toThrow("source failed");
    });

    test("refuses output over the limit", async () => {
      await expect(
        session.run(trustedShell("head -c 2000 /dev/zero"), { limit: 1000 }),
      ).rejects.toMatchObject({
        code: "hostile",
      });
    });
  });
}

async function* chunks(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* list;
}
