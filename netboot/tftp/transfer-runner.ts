/** Carries out one transfer's effects on its own socket, its own transfer identifier (RFC 1350 section 4). */
import { toAppError } from "../../base/errors.ts";
import type { Clock, Log } from "../../base/ports.ts";
import type { DatagramSocket, DatagramSockets, Endpoint } from "../udp.ts";
import type { TftpFile } from "./file-source.ts";
import { dataFrames, decodeTftp, encodeTftp, type TftpPacket, tftpError } from "./packet.ts";
import {
  type Effect,
  type Step,
  startTransfer,
  stepTransfer,
  type TransferEvent,
  type TransferOptions,
  type TransferState,
} from "./transfer.ts";
import type { Watch } from "./watch.ts";

export interface RunnerOptions {
  readonly file: TftpFile;
  readonly client: Endpoint;
  /** The address that the request was sent to: answers come from there. */
  readonly local: Endpoint["address"];
  readonly options: TransferOptions;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
  readonly watch: Watch;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** ACKs that wait while a window is read; a client has no reason to send more. */
const queueLimit = 64;

/** Sends the file; resolves when the transfer has ended, well or not, with what ended it. */
export async function runTransfer(options: RunnerOptions): Promise<"done" | "failed"> {
  const run = new TransferRun(options);
  return run.finished;
}

class TransferRun {
  readonly finished: Promise<"done" | "failed">;
  readonly #options: RunnerOptions;
  readonly #queue: TransferEvent[] = [];
  #finish: (outcome: "done" | "failed") => void = () => undefined;
  #socket: DatagramSocket | undefined;
  #state: TransferState | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  /** A window is being read: what comes in waits. */
  #busy: boolean = false;
  #over: boolean = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#begin().catch((error: unknown) => this.#fail(error));
  }

  async #begin(): Promise<void> {
    const { sockets, local, client, options, file, signal, watch } = this.#options;
    this.#socket = await sockets.open({
      local: { address: local, port: 0 },
      peer: client,
      receive: (bytes, from) => this.#receive(bytes, from),
    });
    if (signal.aborted) {
      this.#end("failed");
      return;
    }
    signal.addEventListener("abort", this.#abort, { once: true });
    watch.add(this);
    this.#take(startTransfer(options, file.size));
  }

  readonly #abort = (): void => {
    this.#send({ kind: "error", code: tftpError.undefined, message: "The server stops" });
    this.#end("failed");
  };

  tick(now: number): void {
    if (now >= this.#deadline) {
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#push({ kind: "timeout" });
    }
  }

  #receive(bytes: Uint8Array, from: Endpoint): void {
    const { client } = this.#options;
    if (from.address !== client.address || from.port !== client.port) {
      const message = "This is another client's transfer";
      this.#socket?.post(encodeTftp({ kind: "error", code: tftpError.unknownTransfer, message }), from);
      return;
    }
    const packet = decodeTftp(bytes);
    if (packet.ok && (packet.value.kind === "ack" || packet.value.kind === "error")) {
      this.#push(packet.value);
    }
  }

  #push(event: TransferEvent): void {
    if (this.#busy) {
      if (this.#queue.length < queueLimit) {
        this.#queue.push(event);
      }
    } else if (this.#state !== undefined && !this.#over) {
      this.#take(stepTransfer(this.#state, event));
    }
  }

  #take(step: Step): void {
    this.#state = step.state;
    try {
      this.#carryOut(step.effects, 0);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** All at once, unless a window must be read from the disk first. */
  #carryOut(effects: readonly Effect[], from: number): void {
    for (let index = from; index < effects.length && !this.#over; index++) {
      const waits = this.#carryOutOne(effects[index] as Effect);
      if (waits !== undefined) {
        this.#busy = true;
        waits
          .then(() => {
            this.#busy = false;
            this.#carryOut(effects, index + 1);
            this.#drain();
          })
          .catch((error: unknown) => this.#fail(error));
        return;
      }
    }
  }

  #drain(): void {
    while (!this.#busy && this.#queue.length > 0) {
      this.#push(this.#queue.shift() as TransferEvent);
    }
  }

  #carryOutOne(effect: Effect): Promise<void> | undefined {
    const { clock, log, options } = this.#options;
    switch (effect.kind) {
      case "send-oack":
        this.#send({ kind: "oack", options: options.accepted });
        return undefined;
      case "send-data":
        return this.#sendBlocks(effect.first, effect.count);
      case "wait":
        this.#deadline = clock.now() + effect.time;
        return undefined;
      case "failed":
        log.debug("TFTP transfer failed", { reason: effect.reason });
        this.#end("failed");
        return undefined;
      case "done":
        this.#end("done");
        return undefined;
    }
  }

  #sendBlocks(first: number, count: number): Promise<void> | undefined {
    const { file, client, options } = this.#options;
    const offset = (first - 1) * options.blockSize;
    const wanted = Math.max(0, Math.min(count * options.blockSize, file.size - offset));
    const send = (bytes: Uint8Array): void => {
      if (bytes.length !== wanted) {
        throw new Error(`the file ended at ${offset + bytes.length} of ${file.size} bytes`);
      }
      for (const frame of dataFrames(bytes, { first, count, blockSize: options.blockSize })) {
        // A packet that the kernel does not take is a lost packet: it is sent again when the client does not answer.
        this.#socket?.post(frame, client);
      }
    };
    const read = wanted === 0 ? new Uint8Array(0) : file.read(offset, wanted);
    if (read instanceof Uint8Array) {
      send(read);
      return undefined;
    }
    return read.then(send);
  }

  #send(packet: TftpPacket): void {
    this.#socket?.post(encodeTftp(packet), this.#options.client);
  }

  #fail(error: unknown): void {
    if (!this.#over) {
      this.#options.log.warn("TFTP transfer broke off", { error: toAppError(error).message });
      this.#send({ kind: "error", code: tftpError.undefined, message: "The file could not be read" });
      this.#end("failed");
    }
  }

  #end(outcome: "done" | "failed"): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#options.signal.removeEventListener("abort", this.#abort);
    this.#options.watch.remove(this);
    void this.#close(outcome);
  }

  async #close(outcome: "done" | "failed"): Promise<void> {
    try {
      await Promise.all([this.#socket?.close(), this.#options.file.close()]);
    } catch (error) {
      this.#options.log.warn("TFTP transfer not closed cleanly", { error: toAppError(error).message });
    }
    this.#finish(outcome);
  }
}
