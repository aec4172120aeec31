import type { ShellText } from "../../base/posix-quote.ts";

export interface ExecOptions {
  /** Fed to the command's standard input, which is closed at its end; without it, standard input is empty. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** How much of standard error is kept: its last bytes, 64 KiB unless told. */
  readonly stderrLimit?: number;
  readonly signal?: AbortSignal;
}

export interface RemoteProcess {
  /** Must be read to its end or `return()`ed. Back-pressure holds the command. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Resolves when the command has ended and stdout has been read. Rejects `unreachable` when the connection broke. */
  readonly exit: Promise<{ readonly code: number; readonly stderr: string }>;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** A command channel to one machine, as root. One connection, any number of commands, also at the same time. */
export interface RemoteSession {
  readonly host: string;
  exec(command: ShellText, options?: ExecOptions): Promise<RemoteProcess>;
  /** Runs a command whose output is small: at most `limit` bytes (1 MiB unless told), else `hostile`. Any exit code is returned. */
  run(command: ShellText, options?: ExecOptions & { readonly limit?: number }): Promise<RunResult>;
  close(): Promise<void>;
}

/** Where and how to reach a machine. */
export interface RemoteTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** Opens sessions. Errors: `unreachable`, `remote-auth`, `host-key`, each naming host, port, user and what to do. */
export interface RemoteConnector {
  connect(target: RemoteTarget, options?: { readonly signal?: AbortSignal }): Promise<RemoteSession>;
}

/** Pinned host keys: the first contact stores, every later one compares. */
export interface HostKeyStore {
  /** Raw public key blobs (RFC 4253 section 6.6) known for `host:port`. */
  known(host: string, port: number): readonly Uint8Array[];
  pin(host: string, port: number, key: Uint8Array): void;
}
