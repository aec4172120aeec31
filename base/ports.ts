import type { Duration } from "./quantity.ts";

/** The clock. `now` is Unix time in milliseconds; `sleep` ends early, rejecting, when `signal` aborts. */
export interface Clock {
  now(): number;
  sleep(time: Duration, signal?: AbortSignal): Promise<void>;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A structured log: a static message and fields. `child` adds fields to every line (`mac`, `job`, `image`). */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

/** A log that keeps nothing: the default of libraries and tests. */
export const discardLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => discardLog,
};

/** A source of cryptographically strong random bytes. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** How far a long operation is. Emitted at most a few times a second by those who report it. */
export interface Progress {
  /** The phase, as a short noun phrase: `list`, `stream`, `commit`. */
  readonly phase: string;
  readonly files?: number;
  readonly filesTotal?: number;
  readonly bytes?: number;
  readonly bytesTotal?: number;
  /** One line for people: what is being done now. */
  readonly message?: string;
}

export type ProgressSink = (progress: Progress) => void;
