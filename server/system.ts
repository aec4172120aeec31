/** The real clock, randomness and log. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../base/errors.ts";
import type { Clock, Log, LogFields, Random } from "../base/ports.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (time, signal) => {
    try {
      await delay(time, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw new AppError("cancelled", "Waiting was stopped", { cause: error });
    }
  },
};

export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

const levels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof levels)[number];

/** A log of one line per entry: `TIME LEVEL message key=value …`; values with spaces are quoted as JSON. */
export function createLineLog(options: {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly fields?: LogFields;
}): Log {
  function log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (levels.indexOf(level) < levels.indexOf(options.level)) {
      return;
    }
    const time = new Date(options.clock.now()).toISOString();
    const pairs = Object.entries({ ...options.fields, ...fields })
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${formatValue(value)}`);
    options.write(`${time} ${level} ${message}${pairs.join("")}\n`);
  }
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    child: (fields) => createLineLog({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

function formatValue(value: string | number | boolean | undefined): string {
  const text = String(value);
  return /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}
