/** The daemon's API as commands use it: the only way the CLI reaches the daemon. */

export interface ServerEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

export interface ApiClient {
  /** Sends JSON, returns the decoded JSON body (undefined for 204). Throws the daemon's own error. */
  call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<unknown>;
  /** A text or binary body. */
  text(path: string): Promise<string>;
  /** Server-sent events (WHATWG HTML section 9.2) until the server ends the stream or `signal` aborts. */
  events(path: string, signal: AbortSignal): AsyncIterable<ServerEvent>;
}
