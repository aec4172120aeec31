/**
 * The one error root. `code` is a closed union: HTTP status and exit code are looked up from it in exactly two tables
 * (server/api/problem.ts and server/cli/run.ts), so a new code must be given both before the program compiles.
 */
export const errorCodes = [
  "bad-input", // what the user wrote cannot be meant: a name, an option, a file's content
  "not-found", // the named image, version, node, job, file does not exist
  "conflict", // it exists already, or somebody else holds it
  "refused", // understood and possible, but unsafe: a disk too small, an image in use, a changed host key
  "unauthorized", // no or a wrong credential for Ingot itself
  "unreachable", // a host or daemon does not answer
  "remote-auth", // a golden client or node refuses our key or user
  "host-key", // a host's SSH key is not the one pinned at first contact
  "remote-failed", // a command on another machine failed
  "missing-tool", // a program that is needed here or on the client is not there
  "hostile", // data from outside that breaks its own rules: an archive member outside the tree, a lying size
  "corrupt", // stored data is not what was stored
  "no-space", // a disk is full or would be
  "cancelled", // stopped on request
  "io", // the operating system said no
  "internal", // cannot happen
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetails {
  /** What to do about it: one sentence for the person who reads the message. */
  readonly hint?: string;
  /** Where in an input: a file and a 1-based line and column. */
  readonly at?: { readonly file?: string; readonly line?: number; readonly column?: number };
  /** Further values, for JSON output and logs. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
}

/** A failure that is told to a person: what failed, on which thing (message), what to do (hint). */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "AppError";
    this.code = code;
    this.details = details;
  }

  /** Rebuilds an error that came as data (a job's, an API problem's); an unknown code is `internal`. */
  static fromCode(code: string, message: string, hint?: string): AppError {
    const known = errorCodes.find((candidate) => candidate === code) ?? "internal";
    return new AppError(known, message, hint === undefined ? {} : { hint });
  }
}

/** Marks a branch that the types rule out. */
export function unreachable(value: never): never {
  throw new AppError("internal", `Unreachable value: ${JSON.stringify(value)}`);
}

/** Walks an error's cause chain, the error itself first; stops at a loop. */
export function causeChain(error: unknown): readonly unknown[] {
  const seen = new Set<unknown>();
  let current: unknown = error;
  while (current !== undefined && current !== null && !seen.has(current)) {
    seen.add(current);
    current = current instanceof Error ? current.cause : undefined;
  }
  return [...seen];
}

/** Returns `error` if it is an AppError, else wraps it: known errno codes get their own code, the rest `fallback`. */
export function toAppError(error: unknown, fallback: ErrorCode = "internal"): AppError {
  for (const link of causeChain(error)) {
    if (link instanceof AppError) {
      return link;
    }
  }
  const message = error instanceof Error ? error.message : String(error);
  const errno = error instanceof Error && "code" in error ? String(error.code) : "";
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    return new AppError("no-space", message, { cause: error });
  }
  if (errno === "ABORT_ERR" || (error instanceof Error && error.name === "AbortError")) {
    return new AppError("cancelled", message, { cause: error });
  }
  if (errno.startsWith("E") && fallback === "internal") {
    return new AppError("io", message, { cause: error });
  }
  return new AppError(fallback, message, { cause: error });
}
