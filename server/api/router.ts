/** Routes as plain values, and the function that takes a request to its route: no sockets. */
import { readAll } from "../../base/async.ts";
import { toUtf8Lossy } from "../../base/bytes.ts";
import { AppError, toAppError } from "../../base/errors.ts";
import type { Log } from "../../base/ports.ts";
import { type Access, authorize, type Credentials, type Peer } from "./auth.ts";
import { problemResponse } from "./problem.ts";

export interface RouteContext {
  readonly request: Request;
  readonly url: URL;
  /** Decoded `{name}` segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly peer: Peer;
}

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** `/api/nodes/{name}`: literal segments and one-segment parameters. */
  readonly path: string;
  readonly access: Access;
  readonly handle: (context: RouteContext) => Response | Promise<Response>;
}

export type RequestHandler = (request: Request, peer: Peer) => Promise<Response>;

export interface RouterOptions {
  readonly credentials: Credentials;
  readonly log: Log;
}

/** Finds the route of a request, checks its access and runs it. Every failure becomes a problem document. */
export function createRouter(routes: readonly Route[], options: RouterOptions): RequestHandler {
  const compiled = routes.map((route) => ({ route, segments: route.path.split("/") }));
  return async (request, peer) => {
    try {
      const url = new URL(request.url);
      const method = request.method === "HEAD" ? "GET" : request.method;
      const here = compiled
        .map(({ route, segments }) => ({ route, params: match(segments, url.pathname) }))
        .filter((candidate) => candidate.params !== undefined);
      const found = here.find(({ route }) => route.method === method);
      if (found?.params === undefined) {
        return here.length === 0
          ? problemResponse(new AppError("not-found", `Nothing is at ${url.pathname}`))
          : methodNotAllowed(here.map(({ route }) => route.method));
      }
      const authorization = request.headers.get("authorization");
      const verdict = authorize({ access: found.route.access, authorization, peer }, options.credentials);
      if (!verdict.ok) {
        throw new AppError("unauthorized", verdict.error, {
          hint: "send 'Authorization: Bearer TOKEN', or use the local socket",
        });
      }
      return await found.route.handle({ request, url, params: found.params, peer });
    } catch (error) {
      return failed(error, request, options.log);
    }
  };
}

function failed(error: unknown, request: Request, log: Log): Response {
  const failure = toAppError(error);
  if (failure.code === "internal" || failure.code === "io" || failure.code === "corrupt") {
    log.error("Request failed", {
      method: request.method,
      path: new URL(request.url).pathname,
      message: failure.message,
      stack: (error instanceof Error ? error.stack : undefined) ?? "",
    });
  }
  return problemResponse(failure);
}

function methodNotAllowed(allowed: readonly string[]): Response {
  return new Response(null, { status: 405, headers: { allow: allowed.join(", ") } });
}

function match(segments: readonly string[], path: string): Record<string, string> | undefined {
  const parts = path.split("/");
  if (parts.length !== segments.length) {
    return undefined;
  }
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? "";
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) {
      if (segment !== part) {
        return undefined;
      }
      continue;
    }
    const decoded = decodeSegment(part);
    if (decoded === undefined || decoded === "") {
      return undefined;
    }
    params[name] = decoded;
  }
  return params;
}

function decodeSegment(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** A `{name}` segment of the route's path. */
export function pathParam(context: Pick<RouteContext, "params">, name: string): string {
  const value = context.params[name];
  if (value === undefined) {
    throw new AppError("internal", `The route's path has no segment ${name}`);
  }
  return value;
}

/** What a schema of api/schema/ offers. */
export interface Parser<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The JSON body of a request, checked. */
export async function readJson<T>(
  context: RouteContext,
  parser: Parser<T>,
  options: { readonly limit?: number } = {},
): Promise<T> {
  const text = toUtf8Lossy(await readBody(context.request, { limit: options.limit ?? 4 * 1024 * 1024 }));
  const parsed = parser.safeParse(text === "" ? {} : parseJson(text));
  if (!parsed.success) {
    const told = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`,
    );
    throw new AppError("bad-input", `The request is wrong: ${told.join("; ")}`);
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError("bad-input", "The request's body is not JSON", { cause: error });
  }
}

/** The body as bytes, at most `limit`. */
export async function readBody(request: Request, options: { readonly limit: number }): Promise<Uint8Array> {
  return await readAll(bodyOf(request), { limit: options.limit, what: "the request's body" });
}

/** The body as an async iterable; without a body, nothing. */
export async function* bodyOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) {
    return;
  }
  const reader = request.body.getReader();
  let complete = false;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      yield next.value as Uint8Array;
    }
    complete = true;
  } finally {
    if (!complete) {
      await reader.cancel().catch(() => undefined);
    }
    reader.releaseLock();
  }
}

/** A response with a JSON body. */
export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

export function text(body: string | Uint8Array<ArrayBuffer>, status = 200): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}

export function noContent(): Response {
  return new Response(null, { status: 204 });
}

/** An async iterable as a response body; the source is `return()`ed when the reader goes away. */
export function streamBody(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) {
          controller.close();
        } else {
          controller.enqueue(next.value);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A query value that is a number of the given kind, or undefined where it is not there. */
export function queryNumber(url: URL, name: string, limits: { readonly min: number; readonly max: number }) {
  const value = url.searchParams.get(name);
  if (value === null || value === "") {
    return undefined;
  }
  const number = Number(value);
  if (!/^\d{1,15}$/.test(value) || number < limits.min || number > limits.max) {
    throw new AppError("bad-input", `'${value}' is not a value for ${name} (${limits.min} to ${limits.max})`);
  }
  return number;
}
