/** Makes socket nodes: neither tar nor Node's file calls can, but binding a listener does. */
import { once } from "node:events";
import { createServer } from "node:net";
import { AppError } from "../../base/errors.ts";
import { joinPath, parentPath, type RelPath } from "../../base/path-bytes.ts";
import type { TreeRoot } from "./root.ts";

/**
 * Leaves a socket node at `path` that nobody listens on. Closing a listener unlinks the name it was bound to, so the node is
 * bound under another name and a hard link to it stays. The address is short, because the kernel allows 107 bytes.
 */
export async function makeSocket(root: TreeRoot, path: RelPath): Promise<void> {
  const bound = joinPath(parentPath(path), "bound");
  const server = createServer();
  try {
    await root.withDirectory(parentPath(path), async (directory) => {
      server.listen(`${directory}/bound`);
      await once(server, "listening");
      root.link(bound, path);
    });
  } catch (error) {
    throw error instanceof AppError
      ? error
      : new AppError("io", `Cannot make the socket '${path}'`, { cause: error });
  } finally {
    const closed = once(server, "close");
    server.close();
    await closed;
  }
}
