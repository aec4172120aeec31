/** Lets a few through at a time, the rest in the order in which they came: kernels and ramdisks for a room that is powered on at once. */
import type { Clock } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";
import type { ByteSource } from "../api/range.ts";

/** A machine that stopped reading counts no longer than this: it cannot keep the others waiting. */
const longestStay = duration(60_000);

export class Gate {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Resolves when there is room, with how to leave. */
  async enter(): Promise<() => void> {
    if (this.#inside >= this.#limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#inside += 1;
    }
    const left = new AbortController();
    const leave = (): void => {
      if (left.signal.aborted) {
        return;
      }
      left.abort();
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#inside -= 1;
      } else {
        // The place goes from hand to hand.
        next();
      }
    };
    this.#clock.sleep(longestStay, left.signal).then(leave, () => undefined);
    return leave;
  }
}

/** A file whose bytes come when there is room. */
export function gated(source: ByteSource, gate: Gate): ByteSource {
  return {
    ...source,
    async *read(start, end) {
      const leave = await gate.enter();
      try {
        yield* source.read(start, end);
      } finally {
        leave();
      }
    },
  };
}
