import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, toAppError } from "../base/errors.ts";

export interface StatePaths {
  readonly root: string;
  readonly lock: string;
  readonly database: string;
  readonly socket: string;
  readonly adminToken: string;
  readonly tls: string;
  readonly sshKey: string;
  readonly flavors: string;
  readonly work: string;
}

export function statePaths(root: string): StatePaths {
  return {
    root,
    lock: join(root, "ingot.lock"),
    database: join(root, "ingot.db"),
    socket: join(root, "ingot.sock"),
    adminToken: join(root, "admin.token"),
    tls: join(root, "tls"),
    sshKey: join(root, "ssh", "id_ed25519"),
    flavors: join(root, "flavors"),
    work: join(root, "work"),
  };
}

/** A Unix socket's path has 107 bytes at most (unix(7)). */
const socketPathLimit = 107;

/** Makes the state folder. Only its owner may look into it: it holds keys, and images with their set-user-ID programs. */
export async function prepareStateFolder(paths: StatePaths): Promise<void> {
  if (Buffer.byteLength(paths.socket) > socketPathLimit) {
    throw new AppError("bad-input", `State folder's path is too long for its socket: ${paths.socket}`, {
      hint: `choose one of at most ${socketPathLimit - "/ingot.sock".length} bytes`,
    });
  }
  try {
    await mkdir(paths.root, { recursive: true, mode: 0o700 });
    await chmod(paths.root, 0o700);
    await mkdir(paths.flavors, { recursive: true });
    await mkdir(paths.work, { recursive: true });
  } catch (error) {
    const { code, message } = toAppError(error, "io");
    throw new AppError(code, `State folder ${paths.root} cannot be made or used: ${message}`, {
      hint: "name another with --state DIR or 'state:' in the configuration; most of Ingot needs root",
      cause: error,
    });
  }
}
