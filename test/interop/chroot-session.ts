/** A session to a tree as if it were a machine: each command runs by the tree's own shell, in namespaces of its own. */
import { readAll } from "../../base/async.ts";
import { startProcess } from "../../base/process.ts";
import type { RemoteSession } from "../../images/remote/session.ts";
import { chrootArgv } from "./debian-tree.ts";

/** An abort ends every program of the command at once, as a power cut would. */
export function chrootSession(root: string): RemoteSession {
  const session: RemoteSession = {
    host: "node",
    exec: (command, options = {}) =>
      Promise.resolve(startProcess(chrootArgv(root, ["/bin/sh", "-c", command]), { ...options })),
    async run(command, options = {}) {
      const running = await session.exec(command, options);
      const stdout = await readAll(running.stdout, { limit: options.limit ?? 1024 * 1024, what: "output" });
      return { ...(await running.exit), stdout };
    },
    close: () => Promise.resolve(),
  };
  return session;
}
