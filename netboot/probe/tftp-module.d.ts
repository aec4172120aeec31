/** The part of the `tftp` package (0.1.2, which has no types) that the probe uses. */
declare module "tftp" {
  import type { Readable } from "node:stream";

  export interface ClientOptions {
    readonly host: string;
    readonly port: number;
    readonly blockSize?: number;
    readonly windowSize?: number;
    readonly retries?: number;
    /** Milliseconds. */
    readonly timeout?: number;
  }

  export interface GetStream extends Readable {
    abort(message?: string): void;
  }

  export interface Client {
    createGetStream(name: string): GetStream;
  }

  export function createClient(options: ClientOptions): Client;
}
