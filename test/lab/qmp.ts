/** Speaks QMP, QEMU's JSON control protocol, over a machine's socket. */
import { createConnection, type Socket } from "node:net";

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface QmpMessage {
  readonly id?: number;
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly desc: string };
  readonly return?: unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Qmp {
  readonly #socket: Socket;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #rest = "";

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("close", () => this.#fail(new Error("QEMU closed its control socket")));
    socket.on("error", (error) => this.#fail(error));
  }

  static async connect(path: string, onEvent: (event: QmpEvent) => void): Promise<Qmp> {
    const socket = createConnection(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const qmp = new Qmp(socket, onEvent);
    await qmp.command("qmp_capabilities");
    return qmp;
  }

  command(execute: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute, arguments: args, id })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines.filter((candidate) => candidate.trim() !== "")) {
      const message = JSON.parse(line) as QmpMessage;
      if (message.event !== undefined) {
        this.#onEvent({ event: message.event, ...(message.data && { data: message.data }) });
      }
      const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
      if (waiting !== undefined) {
        this.#waiting.delete(message.id!);
        if (message.error) {
          waiting.reject(new Error(`QEMU refused: ${message.error.desc}`));
        } else {
          waiting.resolve(message.return);
        }
      }
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) {
      reject(error);
    }
    this.#waiting.clear();
  }
}
