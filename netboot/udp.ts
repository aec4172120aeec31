/**
 * Datagram sockets as a port. Received packets go to a callback given at opening: nothing is lost between opening and
 * listening, and a protocol machine that waits for "a packet or a timer" needs no race between two promises.
 */
import type { Ipv4Address } from "../base/net-types.ts";

export interface Endpoint {
  readonly address: Ipv4Address;
  readonly port: number;
}

export interface DatagramSocket {
  /** The address and port that the socket is bound to. */
  readonly local: Endpoint;
  /** Resolves when the kernel has taken the packet; rejects with `io` where it refuses. */
  send(bytes: Uint8Array, to: Endpoint): Promise<void>;
  /** Sends without telling what became of it: a packet that is not taken is as one that the wire lost. For packets by the thousand. */
  post(bytes: Uint8Array, to: Endpoint): void;
  /** Idempotent. No packet is handed out after the call. */
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly local: Endpoint;
  /** May send to broadcast addresses. */
  readonly broadcast?: boolean;
  /** Others may bind the same address and port; each then gets a copy of every broadcast. */
  readonly shared?: boolean;
  /** Where most packets go to and come from: the kernel is told once, and not asked for the way for each. All others are heard as well. */
  readonly peer?: Endpoint;
  /** Called for each packet; the bytes belong to the callee. */
  readonly receive: (bytes: Uint8Array, from: Endpoint) => void;
  /** Called for an error after opening that no `send` reported; the socket stays open. */
  readonly failed?: (error: Error) => void;
}

export interface DatagramSockets {
  /** Rejects with `conflict` (the port is taken), `refused` (not allowed) or `io`. Port 0 lets the kernel choose. */
  open(options: OpenOptions): Promise<DatagramSocket>;
}
