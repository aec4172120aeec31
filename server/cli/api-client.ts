/** The daemon's API over its local socket. */
import { type IncomingMessage, request } from "node:http";
import { AppError, type ErrorCode, errorCodes } from "../../base/errors.ts";
import type { ApiClient, ServerEvent } from "./api.ts";

export function apiClient(socketPath: string): ApiClient {
  async function send(
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly signal?: AbortSignal; readonly accept: string },
  ): Promise<IncomingMessage> {
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        {
          socketPath,
          path,
          method,
          headers: {
            host: "ingot",
            accept: options.accept,
            ...(payload === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
          },
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        },
        resolve,
      );
      outgoing.on("error", (error) => reject(connectionError(error, socketPath)));
      outgoing.end(payload);
    });
  }

  async function open(
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly signal?: AbortSignal; readonly accept: string },
  ): Promise<IncomingMessage> {
    const response = await send(method, path, options);
    if ((response.statusCode ?? 500) >= 400) {
      throw problemError(await readText(response), response.statusCode ?? 500);
    }
    return response;
  }

  return {
    async call(method, path, body) {
      const response = await open(method, path, { body, accept: "application/json" });
      const text = await readText(response);
      return text === "" ? undefined : (JSON.parse(text) as unknown);
    },
    async text(path) {
      return await readText(await open("GET", path, { accept: "*/*" }));
    },
    async *events(path, signal) {
      const response = await open("GET", path, { signal, accept: "text/event-stream" });
      yield* parseEvents(response);
    },
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Splits an event stream into events; fields other than id, event and data are ignored. */
async function* parseEvents(source: AsyncIterable<unknown>): AsyncGenerator<ServerEvent> {
  let buffer = "";
  const decoder = new TextDecoder();
  for await (const chunk of source) {
    buffer += decoder.decode(chunk as Uint8Array, { stream: true });
    let end = buffer.indexOf("\n\n");
    while (end >= 0) {
      const event = parseEvent(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (event !== undefined) {
        yield event;
      }
      end = buffer.indexOf("\n\n");
    }
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") {
      id = value;
    } else if (field === "event") {
      event = value;
    } else if (field === "data") {
      data.push(value);
    }
  }
  if (data.length === 0) {
    return undefined;
  }
  return { event, data: JSON.parse(data.join("\n")) as unknown, ...(id === undefined ? {} : { id }) };
}

function connectionError(error: NodeJS.ErrnoException, socketPath: string): AppError {
  if (error.name === "AbortError") {
    return new AppError("cancelled", "Stopped on request", { cause: error });
  }
  if (error.code === "EACCES") {
    return new AppError("unauthorized", `The daemon's socket is not open to this user: ${socketPath}`, {
      hint: "run the command as root",
      cause: error,
    });
  }
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED") {
    return new AppError("unreachable", `No Ingot daemon answers at ${socketPath}`, {
      hint: "start it with 'ingot serve', or name its state folder with --state DIR",
      cause: error,
    });
  }
  return new AppError("unreachable", `The connection to the daemon failed: ${error.message}`, {
    hint: "look at the daemon's log; it may have stopped",
    cause: error,
  });
}

/** Rebuilds the daemon's error from its problem document (RFC 9457). */
function problemError(text: string, status: number): AppError {
  try {
    const problem = JSON.parse(text) as Record<string, unknown>;
    const code = errorCodes.find((known) => known === problem.code);
    const title = typeof problem.title === "string" ? problem.title : undefined;
    const detail = typeof problem.detail === "string" ? problem.detail : undefined;
    return new AppError(code ?? codeOfStatus(status), detail ?? title ?? `HTTP ${status}`, {
      ...(typeof problem.hint === "string" ? { hint: problem.hint } : {}),
      ...(typeof problem.at === "object" && problem.at !== null ? { at: problem.at } : {}),
    });
  } catch {
    return new AppError(codeOfStatus(status), `The daemon answered HTTP ${status}: ${text.slice(0, 200)}`);
  }
}

function codeOfStatus(status: number): ErrorCode {
  return status === 404 ? "not-found" : status < 500 ? "bad-input" : "internal";
}
