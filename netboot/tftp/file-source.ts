import type { Endpoint } from "../udp.ts";

/** A file that is being sent: its size is fixed at opening. */
export interface TftpFile {
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`, fewer only at the end of the file. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(): void | Promise<void>;
}

/**
 * What the TFTP server may send. `name` is normalised: no leading slash, `/` only, no `.`, `..`, empty or NUL segments, at most
 * 255 printable characters. The source answers for confinement (symbolic links) and for rendering per-client files.
 */
export interface TftpFileSource {
  /** Undefined: there is no such file. Throws: the client gets a plain error, the log the real one. */
  open(name: string, client: Endpoint): Promise<TftpFile | undefined>;
}
