/** Listeners: express on sockets, requests handed to a pure handler as fetch values. The only user of express. */
import { chmod, unlink } from "node:fs/promises";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from "express";
import { AppError, toAppError } from "../base/errors.ts";
import type { Log } from "../base/ports.ts";
import type { Peer } from "./api/auth.ts";
import { problemResponse } from "./api/problem.ts";
import type { RequestHandler } from "./api/router.ts";

export type ListenAt =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "plain"; readonly host: string; readonly port: number }
  | {
      readonly kind: "tls";
      readonly host: string;
      readonly port: number;
      readonly key: string;
      readonly certificate: string;
    };

export interface Listener {
  /** The socket's path, or ADDRESS:PORT with the port that was given by the kernel. */
  readonly address: string;
  readonly port: number;
  /** Stops accepting, gives running requests a moment, then cuts them. */
  close(): Promise<void>;
}

/**
 * Connections that wait to be accepted. Node's own 511 is too few for a room that is powered on at once: what comes beyond is reset, or asks
 * again after seconds.
 */
const backlog = 4096;

/** Milliseconds that running requests have to end when a listener closes. */
const closeGrace = 2000;

export async function listen(
  at: ListenAt,
  handler: RequestHandler,
  options: { readonly log: Log },
): Promise<Listener> {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use((incoming: ExpressRequest, outgoing: ExpressResponse) => {
    serve(incoming, outgoing, { handler, at }).catch((error: unknown) => {
      options.log.debug("Response was cut", { path: incoming.path, message: toAppError(error).message });
      outgoing.destroy();
    });
  });
  const server: Server =
    at.kind === "tls"
      ? createTlsServer({ key: at.key, cert: at.certificate, minVersion: "TLSv1.2" }, app)
      : createPlainServer(app);
  // Trees of many gigabytes are streamed to slow disks: a whole request may take hours, its headers may not.
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  server.keepAliveTimeout = 15_000;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await bind(server, at);
  const bound = server.address() as AddressInfo | string | null;
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    address: at.kind === "socket" ? at.path : `${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`,
    port,
    close: async () => await close(server, sockets),
  };
}

async function bind(server: Server, at: ListenAt): Promise<void> {
  if (at.kind === "socket") {
    await removeDeadSocket(at.path);
  }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const done = () => {
        server.off("error", reject);
        resolve();
      };
      if (at.kind === "socket") {
        // Nobody else can connect between bind and chmod: the folder above is 0700.
        server.listen(at.path, done);
      } else {
        server.listen({ port: at.port, host: at.host, backlog }, done);
      }
    });
  } catch (error) {
    throw bindError(error, at);
  }
  if (at.kind === "socket") {
    await chmod(at.path, 0o600);
  }
}

function bindError(error: unknown, at: ListenAt): AppError {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const where = at.kind === "socket" ? at.path : `${at.host}:${at.port}`;
  if (code === "EADDRINUSE") {
    return new AppError("conflict", `Cannot listen on ${where}: the port is in use`, {
      hint: "stop the program that has it (ss -ltnp shows which), or configure another port",
      cause: error,
    });
  }
  if (code === "EADDRNOTAVAIL") {
    return new AppError("bad-input", `Cannot listen on ${where}: no interface has this address`, {
      hint: "correct the address in the configuration (ip address shows those there are)",
      cause: error,
    });
  }
  if (code === "EACCES") {
    return new AppError("io", `Cannot listen on ${where}: not allowed`, {
      hint: "ports below 1024 want root",
      cause: error,
    });
  }
  return new AppError("io", `Cannot listen on ${where}: ${toAppError(error).message}`, { cause: error });
}

/** A socket file that nobody listens on is left over from a daemon that was killed. */
async function removeDeadSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (alive) {
    throw new AppError("conflict", `Another daemon listens on ${path}`);
  }
  await unlink(path).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      throw toAppError(error, "io");
    }
  });
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
    }, closeGrace);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function serve(
  incoming: ExpressRequest,
  outgoing: ExpressResponse,
  options: { readonly handler: RequestHandler; readonly at: ListenAt },
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const request = toRequest(incoming, gone.signal);
  const response =
    request === undefined
      ? problemResponse(new AppError("bad-input", "The request's address or headers are malformed"))
      : await options.handler(request, peerOf(incoming, options.at));
  outgoing.status(response.status);
  for (const [name, value] of response.headers) {
    outgoing.setHeader(asUsual(name), value);
  }
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body as import("node:stream/web").ReadableStream), outgoing);
}

/**
 * `Content-Length` where a Headers object says `content-length`: names mean the same in any case (RFC 9110 section 5.1), but GRUB before
 * 2.12 knows the length of a file only by this one, and loads no kernel without it.
 */
function asUsual(name: string): string {
  return name.replace(/(?<![^-])[a-z]/g, (letter) => letter.toUpperCase());
}

function peerOf(incoming: ExpressRequest, at: ListenAt): Peer {
  const address = incoming.socket.remoteAddress?.replace(/^::ffff:/, "");
  return { local: at.kind === "socket", ...(address === undefined ? {} : { address }) };
}

function toRequest(incoming: ExpressRequest, signal: AbortSignal): Request | undefined {
  try {
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers)) {
      for (const one of Array.isArray(value) ? value : [value ?? ""]) {
        headers.append(name, one);
      }
    }
    const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
    return new Request(new URL(incoming.originalUrl, "http://ingot"), {
      method: incoming.method,
      headers,
      signal,
      ...(hasBody ? { body: Readable.toWeb(incoming) as unknown as ReadableStream, duplex: "half" } : {}),
    } as RequestInit);
  } catch {
    return undefined;
  }
}
