/** A session to this very machine by its local shell: for tests of what sits above a session. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readAll } from "../../base/async.ts";
import { startProcess } from "../../base/process.ts";
import type { RemoteSession } from "../../images/remote/session.ts";

export function localSession(host = "local"): RemoteSession {
  const session: RemoteSession = {
    host,
    async exec(command, options = {}) {
      const stop = new AbortController();
      const signal =
        options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
      // By way of a file: a program's arguments must be UTF-8 in Node, and commands may hold any bytes.
      const folder = mkdtempSync(path.join(tmpdir(), "ingot-fake-"));
      const file = path.join(folder, "command");
      writeFileSync(file, command, "latin1");
      const running = startProcess(["sh", file], { ...options, signal });
      running.exit.then(
        () => rmSync(folder, { recursive: true }),
        () => rmSync(folder, { recursive: true }),
      );
      const stdout = async function* () {
        let complete = false;
        try {
          yield* running.stdout;
          complete = true;
        } finally {
          if (!complete) {
            stop.abort();
          }
        }
      };
      return { stdout: stdout(), exit: running.exit };
    },
    async run(command, options = {}) {
      const running = await session.exec(command, options);
      const stdout = await readAll(running.stdout, {
        limit: options.limit ?? 1024 * 1024,
        what: `output of ${host}`,
      });
      return { ...(await running.exit), stdout };
    },
    close: () => Promise.resolve(),
  };
  return session;
}
