import process from "node:process";
import { AppError } from "../base/errors.ts";
import type { Clock, Log } from "../base/ports.ts";
import { duration } from "../base/quantity.ts";
import { removeServicesOff } from "../images/chroot/services-off.ts";
import type { ImageName } from "../images/manifest.ts";
import type { ImageLock, ImageStore } from "../images/store/store.ts";
import type { ImageLocks, Tokens } from "./services.ts";

interface Held {
  readonly lock: ImageLock;
  readonly token: string;
  readonly purpose: string;
  readonly since: number;
  readonly pid?: number | undefined;
}

export interface ImageLocksOptions {
  readonly store: ImageStore;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the watch for dead holders. */
  readonly signal: AbortSignal;
}

const lookInterval = duration(2000);

/** Holds images for processes outside the daemon; a lock ends with the process that it was taken for. */
export function createImageLocks(options: ImageLocksOptions): ImageLocks {
  const { store, tokens, clock, log, signal } = options;
  const held = new Map<ImageName, Held>();

  async function drop(image: ImageName): Promise<void> {
    const entry = held.get(image);
    held.delete(image);
    if (entry?.pid !== undefined) {
      // Of a chroot that was killed, this is left in the tree.
      await removeServicesOff(store.treePath(image)).catch((error: unknown) => {
        log.error("A chroot could not be undone", { image, message: String(error) });
      });
    }
    await entry?.lock.release();
  }

  async function watch(image: ImageName, entry: Held): Promise<void> {
    while (!signal.aborted && held.get(image) === entry) {
      if (entry.pid !== undefined && !isAlive(entry.pid)) {
        log.warn("Holder of an image is gone: lock released", { image, pid: entry.pid });
        await drop(image);
        return;
      }
      await clock.sleep(lookInterval, signal).catch(() => undefined);
    }
    if (signal.aborted && held.get(image) === entry) {
      await drop(image);
    }
  }

  return {
    async take(image, { purpose, pid }) {
      const lock = await store.lock(image, { holder: purpose });
      const entry: Held = { lock, purpose, pid, token: tokens.create(), since: clock.now() };
      held.set(image, entry);
      watch(image, entry).catch((error: unknown) => {
        log.error("Releasing an image failed", { image, message: String(error) });
      });
      return { token: entry.token, tree: store.treePath(image) };
    },
    async release(image, token) {
      const entry = held.get(image);
      if (entry === undefined || tokens.hash(entry.token) !== tokens.hash(token)) {
        throw new AppError("not-found", `Image ${image} is not held with this token`);
      }
      await drop(image);
    },
    holder(image) {
      const entry = held.get(image);
      return entry === undefined ? undefined : { purpose: entry.purpose, since: entry.since };
    },
  };
}

/** Signal 0 only asks; EPERM means that the process is there and belongs to somebody else. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
