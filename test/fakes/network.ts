/** A LAN in virtual time: a clock that jumps from event to event, and sockets whose packets can be lost, doubled or late. */
import { AppError } from "../../base/errors.ts";
import type { Ipv4Address } from "../../base/net-types.ts";
import type { Clock } from "../../base/ports.ts";
import type { DatagramSocket, DatagramSockets, Endpoint, OpenOptions } from "../../netboot/udp.ts";

interface Waiting {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until `run` lets it jump. */
export class VirtualClock implements Clock {
  #now = 1_700_000_000_000;
  #waiting: Waiting[] = [];

  now(): number {
    return this.#now;
  }

  /** Time goes by and nothing is run, as when the process stands still. */
  jump(time: number): void {
    this.#now += time;
  }

  at(delay: number, run: () => void): Waiting {
    const waiting = { at: this.#now + delay, run };
    // Sorted by time, and by the order in which they came: storms have thousands.
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#waiting[middle]?.at ?? 0) <= waiting.at) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    this.#waiting.splice(low, 0, waiting);
    return waiting;
  }

  sleep(time: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const aborted = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal?.reason as Error);
      };
      const waiting = this.at(time, () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      });
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Runs events in order of time until `done`, or until `limit` virtual milliseconds have passed. */
  async run(done: () => boolean, limit = 600_000): Promise<void> {
    const end = this.#now + limit;
    await settleMicrotasks();
    while (!done()) {
      const next = this.#waiting[0];
      if (next === undefined || next.at > end) {
        this.#now = end;
        return;
      }
      this.#waiting.shift();
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settleMicrotasks();
    }
  }
}

/** Lets all promises that can go on do so. */
async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    await Promise.resolve();
  }
}

/** What the wire does to one packet: the delays, in milliseconds, of its copies. None: it is lost. */
export type Wire = (
  bytes: Uint8Array,
  way: { readonly from: Endpoint; readonly to: Endpoint },
) => readonly number[];

export const perfectWire: Wire = () => [1];

/** A wire that loses and doubles packets by a seeded generator, so that a failing run can be run again. */
export function badWire(options: {
  readonly seed: number;
  readonly loss: number;
  readonly twice?: number;
}): Wire {
  let state = options.seed >>> 0 || 1;
  function random(): number {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  }
  return () => {
    if (random() < options.loss) {
      return [];
    }
    const first = 1 + Math.floor(random() * 5);
    return random() < (options.twice ?? 0) ? [first, first + Math.floor(random() * 10)] : [first];
  };
}

const anyAddress = "0.0.0.0";
const everyone = "255.255.255.255";

interface Bound {
  readonly local: Endpoint;
  readonly options: OpenOptions;
}

/** One broadcast domain. Every socket on it hears broadcasts to its port when bound to any address. */
export class FakeLan implements DatagramSockets {
  readonly clock: VirtualClock;
  /** Everything that was sent, in order. */
  readonly sent: { readonly bytes: Uint8Array; readonly from: Endpoint; readonly to: Endpoint }[] = [];
  readonly #wire: Wire;
  readonly #bound = new Set<Bound>();
  #nextPort = 40_000;

  constructor(clock: VirtualClock, wire: Wire = perfectWire) {
    this.clock = clock;
    this.#wire = wire;
  }

  get openSockets(): number {
    return this.#bound.size;
  }

  open(options: OpenOptions): Promise<DatagramSocket> {
    const port = options.local.port === 0 ? this.#nextPort++ : options.local.port;
    const local = { address: options.local.address, port };
    const clash = [...this.#bound].some(
      (other) =>
        other.local.port === port && other.local.address === local.address && options.shared !== true,
    );
    if (clash) {
      return Promise.reject(new AppError("conflict", `UDP port ${port} of ${local.address} is taken`));
    }
    const bound: Bound = { local, options };
    this.#bound.add(bound);
    return Promise.resolve({
      local,
      send: (bytes, to) => this.#send(bound, { bytes: bytes.slice(), to }),
      post: (bytes, to) => {
        this.#send(bound, { bytes: bytes.slice(), to }).catch(() => undefined);
      },
      close: () => {
        this.#bound.delete(bound);
        return Promise.resolve();
      },
    });
  }

  #send(bound: Bound, packet: { readonly bytes: Uint8Array; readonly to: Endpoint }): Promise<void> {
    if (!this.#bound.has(bound)) {
      return Promise.reject(new AppError("io", "The socket is closed"));
    }
    if (packet.to.address === everyone && bound.options.broadcast !== true) {
      return Promise.reject(new AppError("io", "The socket may not broadcast"));
    }
    const way = { from: bound.local, to: packet.to };
    this.sent.push({ ...packet, ...way });
    for (const delay of this.#wire(packet.bytes, way)) {
      this.clock.at(delay, () => this.#deliver(packet.bytes, way));
    }
    return Promise.resolve();
  }

  #deliver(bytes: Uint8Array, way: { readonly from: Endpoint; readonly to: Endpoint }): void {
    const onPort = [...this.#bound].filter((bound) => bound.local.port === way.to.port);
    const exact = onPort.filter((bound) => bound.local.address === way.to.address);
    const any = onPort.filter((bound) => bound.local.address === (anyAddress as Ipv4Address));
    const receivers = way.to.address === everyone ? any : exact.length > 0 ? exact : any;
    for (const bound of receivers) {
      if (this.#bound.has(bound)) {
        bound.options.receive(bytes.slice(), way.from);
      }
    }
  }
}
