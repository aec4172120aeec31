import type { AppError, ErrorCode } from "../../base/errors.ts";
import type { Problem } from "./schema/status.ts";

/** Error code to HTTP status: one of exactly two tables over the codes (the other gives exit codes). */
export const httpStatuses = {
  "bad-input": 400,
  unauthorized: 401,
  refused: 422,
  "not-found": 404,
  conflict: 409,
  "host-key": 409,
  "remote-auth": 502,
  "remote-failed": 502,
  unreachable: 503,
  "missing-tool": 501,
  hostile: 413,
  corrupt: 500,
  "no-space": 507,
  cancelled: 499,
  io: 500,
  internal: 500,
} as const satisfies Record<ErrorCode, number>;

/** The RFC 9457 document of an error. An internal error's message stays in the log. */
export function problemOf(error: AppError): Problem {
  const { hint, at, fields } = error.details;
  return {
    type: `urn:ingot:error:${error.code}`,
    title: error.code,
    status: httpStatuses[error.code],
    detail: error.code === "internal" ? "Internal error: the daemon's log says more" : error.message,
    code: error.code,
    ...(hint === undefined ? {} : { hint }),
    ...(at === undefined ? {} : { at }),
    ...(fields === undefined ? {} : { fields }),
  };
}

export function problemResponse(error: AppError): Response {
  return new Response(JSON.stringify(problemOf(error)), {
    status: httpStatuses[error.code],
    headers: {
      "content-type": "application/problem+json",
      ...(error.code === "unauthorized" ? { "www-authenticate": 'Bearer realm="ingot"' } : {}),
    },
  });
}
