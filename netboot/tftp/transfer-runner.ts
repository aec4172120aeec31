/** Carries out one transfer's effects on its own socket, its own transfer identifier (RFC 1350 section 4). */
import { toAppError } from "../../base/errors.ts";
import type { Clock, Log } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import type { DatagramSocket, DatagramSockets, Endpoint } from "../udp.ts";
import type { TftpFile } from "./file-source.ts";
import { decodeTftp, encodeTftp, type TftpPacket, tftpError } from "./packet.ts";
import {
  type Effect,
  type Step,
  startTransfer,
  stepTransfer,
  type TransferEvent,
  type TransferOptions,
  type TransferState,
} from "./transfer.ts";

export interface RunnerOptions {
  readonly file: TftpFile;
  readonly client: Endpoint;
  /** The address that the request was sent to: answers come from there. */
  readonly local: Endpoint["address"];
  readonly options: TransferOptions;
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** ACKs that wait while a window is read and sent; a client has no reason to send more. */
const queueLimit = 64;
const nap = 250;

/** Sends the file; resolves when the transfer has ended, well or not, with what ended it. */
export async function runTransfer(options: RunnerOptions): Promise<"done" | "failed"> {
  const run = new TransferRun(options);
  return run.finished;
}

class TransferRun {
  readonly finished: Promise<"done" | "failed">;
  readonly #options: RunnerOptions;
  readonly #queue: TransferEvent[] = [];
  readonly #wake = new AbortController();
  #finish: (outcome: "done" | "failed") => void = () => undefined;
  #socket: DatagramSocket | undefined;
  #state: TransferState | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #busy: boolean = true;
  #over: boolean = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#begin().catch((error: unknown) => this.#fail(error));
  }

  async #begin(): Promise<void> {
    const { sockets, local, options, file, signal } = this.#options;
    this.#socket = await sockets.open({
      local: { address: local, port: 0 },
      receive: (bytes, from) => this.#receive(bytes, from),
    });
    if (signal.aborted) {
      this.#end("failed");
      return;
    }
    signal.addEventListener("abort", this.#abort, { once: true });
    await this.#take(startTransfer(options, file.size));
    this.#busy = false;
    this.#drain();
    void this.#watchClock();
  }

  readonly #abort = (): void => {
    this.#sendQuietly(
      { kind: "error", code: tftpError.undefined, message: "The server stops" },
      this.#options.client,
    );
    this.#end("failed");
  };

  #receive(bytes: Uint8Array, from: Endpoint): void {
    const { client } = this.#options;
    if (from.address !== client.address || from.port !== client.port) {
      const message = "This is another client's transfer";
      this.#sendQuietly({ kind: "error", code: tftpError.unknownTransfer, message }, from);
      return;
    }
    const packet = decodeTftp(bytes);
    if (packet.ok && (packet.value.kind === "ack" || packet.value.kind === "error")) {
      this.#push(packet.value);
    }
  }

  #push(event: TransferEvent): void {
    if (this.#queue.length < queueLimit) {
      this.#queue.push(event);
      this.#drain();
    }
  }

  /** Steps through the queue, one event at a time; where a step must wait for the disk, the rest waits too. */
  #drain(): void {
    if (this.#busy || this.#over) {
      return;
    }
    this.#busy = true;
    this.#work()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#busy = false;
        if (this.#queue.length > 0) {
          this.#drain();
        }
      });
  }

  async #work(): Promise<void> {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (this.#state === undefined || this.#over) {
        return;
      }
      await this.#take(stepTransfer(this.#state, event));
    }
  }

  async #take(step: Step): Promise<void> {
    this.#state = step.state;
    for (const effect of step.effects) {
      await this.#carryOut(effect);
    }
  }

  async #carryOut(effect: Effect): Promise<void> {
    const { client, clock, log, options } = this.#options;
    switch (effect.kind) {
      case "send-oack":
        this.#sendQuietly({ kind: "oack", options: options.accepted }, client);
        return;
      case "send-data":
        await this.#sendBlocks(effect.first, effect.count);
        return;
      case "wait":
        this.#deadline = clock.now() + effect.time;
        return;
      case "failed":
        log.debug("TFTP transfer failed", { reason: effect.reason });
        this.#end("failed");
        return;
      case "done":
        this.#end("done");
        return;
    }
  }

  async #sendBlocks(first: number, count: number): Promise<void> {
    const { file, client, options } = this.#options;
    const offset = (first - 1) * options.blockSize;
    const wanted = Math.max(0, Math.min(count * options.blockSize, file.size - offset));
    const read = wanted === 0 ? new Uint8Array(0) : file.read(offset, wanted);
    const bytes = read instanceof Uint8Array ? read : await read;
    if (bytes.length !== wanted) {
      throw new Error(`the file ended at ${offset + bytes.length} of ${file.size} bytes`);
    }
    for (let index = 0; index < count; index++) {
      const data = bytes.subarray(index * options.blockSize, (index + 1) * options.blockSize);
      this.#sendQuietly({ kind: "data", block: (first + index) & 0xffff, bytes: data }, client);
    }
  }

  /** A packet that the kernel does not take is a lost packet: it is sent again when the client does not answer. */
  #sendQuietly(packet: TftpPacket, to: Endpoint): void {
    this.#socket?.send(encodeTftp(packet), to).catch((error: unknown) => {
      this.#options.log.debug("TFTP packet not sent", { reason: toAppError(error).message });
    });
  }

  /** One sleeper per transfer, so that a packet costs no timer. It naps, because the deadline may move nearer meanwhile. */
  async #watchClock(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#over) {
      const left = this.#deadline - clock.now();
      if (left <= 0) {
        this.#deadline = Number.POSITIVE_INFINITY;
        this.#push({ kind: "timeout" });
      }
      await clock
        .sleep(duration(left <= 0 ? 1 : Math.min(left, nap)), this.#wake.signal)
        .catch(() => undefined);
    }
  }

  #fail(error: unknown): void {
    if (!this.#over) {
      this.#options.log.warn("TFTP transfer broke off", { error: toAppError(error).message });
      const message = "The file could not be read";
      this.#sendQuietly({ kind: "error", code: tftpError.undefined, message }, this.#options.client);
      this.#end("failed");
    }
  }

  #end(outcome: "done" | "failed"): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#options.signal.removeEventListener("abort", this.#abort);
    this.#wake.abort();
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
