/** Things that were started, stopped in reverse order; every stop runs, and their failures are told together. */
import { AppError, toAppError } from "../base/errors.ts";

export interface Lifecycle {
  /** Starts something and remembers how it is stopped; where starting fails, nothing is remembered. */
  start<T>(start: () => T | Promise<T>, stop: (started: T) => void | Promise<void>): Promise<T>;
  /** Idempotent. */
  stop(): Promise<void>;
}

export function createLifecycle(): Lifecycle {
  const stops: (() => void | Promise<void>)[] = [];
  return {
    async start(start, stop) {
      const started = await start();
      stops.push(async () => await stop(started));
      return started;
    },
    async stop() {
      const failures: string[] = [];
      for (let next = stops.pop(); next !== undefined; next = stops.pop()) {
        try {
          await next();
        } catch (error) {
          failures.push(toAppError(error).message);
        }
      }
      if (failures.length > 0) {
        throw new AppError("io", `Stopping failed in part: ${failures.join("; ")}`);
      }
    },
  };
}
