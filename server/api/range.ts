/** Byte ranges (RFC 9110 section 14) over a file that is handed in. */
import { err, ok, type Result } from "../../base/result.ts";
import { streamBody } from "./router.ts";

export interface ByteSource {
  readonly size: number;
  /** A strong validator. */
  readonly etag: string;
  /** Bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/** One range of a file of `size` bytes; undefined where the header asks for none that is served (all is sent then). */
export function parseRange(
  header: string | null,
  size: number,
): Result<{ readonly start: number; readonly end: number } | undefined, "unsatisfiable"> {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) {
    return ok(undefined);
  }
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? err("unsatisfiable") : ok({ start: size - length, end: size });
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size : Math.min(Number(match[2]) + 1, size);
  if (match[2] !== "" && Number(match[2]) < start) {
    return ok(undefined);
  }
  return start >= size ? err("unsatisfiable") : ok({ start, end });
}

/** Answers GET and HEAD for a file, whole or one range of it. */
export function fileResponse(request: Request, source: ByteSource): Response {
  const headers = {
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    etag: source.etag,
  };
  const ifRange = request.headers.get("if-range");
  const wanted = ifRange === null || ifRange === source.etag ? request.headers.get("range") : null;
  const range = parseRange(wanted, source.size);
  if (!range.ok) {
    return new Response(null, { status: 416, headers: { "content-range": `bytes */${source.size}` } });
  }
  const { start, end } = range.value ?? { start: 0, end: source.size };
  const body = request.method === "HEAD" ? null : streamBody(source.read(start, end));
  return new Response(body, {
    status: range.value === undefined ? 200 : 206,
    headers: {
      ...headers,
      "content-length": String(end - start),
      ...(range.value === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${source.size}` }),
    },
  });
}
