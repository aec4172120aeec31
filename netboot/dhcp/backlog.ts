/**
 * Which of the messages that wait is answered next, when more come in than can be answered. In the order in which they came, all answers
 * would be late: who waits for one has asked again or given up. So whoever is nearly done goes first, and of those who begin the newest.
 */
import type { Clock } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";

export interface BacklogOptions<T> {
  readonly clock: Clock;
  readonly handle: (message: T) => void;
  /** Whether the message begins an exchange: it can wait, and be left out. */
  readonly begins: (message: T) => boolean;
  readonly dropped: () => void;
}

/** Handled before the socket is read again: what is read there waits here, where it can be put in order. */
const perTurn = 16;
/** Of either kind. */
const longest = 1024;
/** Firmware asks again after four seconds; an answer that late would be the second one. */
const oldest = 2000;

export class Backlog<T> {
  readonly #options: BacklogOptions<T>;
  readonly #urgent: T[] = [];
  readonly #others: { readonly message: T; readonly at: number }[] = [];
  #handled = 0;
  #running: boolean = false;

  constructor(options: BacklogOptions<T>) {
    this.#options = options;
  }

  /** Handles a message at once, or when its turn comes. */
  push(message: T): void {
    const { handle, begins, clock, dropped } = this.#options;
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    if (this.#handled < perTurn && this.#urgent.length + this.#others.length === 0) {
      this.#handled += 1;
      handle(message);
    } else if (!begins(message)) {
      if (this.#urgent.length < longest) {
        this.#urgent.push(message);
      } else {
        dropped();
      }
    } else {
      this.#others.push({ message, at: clock.now() });
      if (this.#others.length > longest) {
        this.#others.shift();
        dropped();
      }
    }
  }

  async #run(): Promise<void> {
    do {
      await this.#options.clock.sleep(duration(0));
      this.#handled = 0;
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        this.#handled += 1;
        this.#options.handle(next);
      }
    } while (this.#urgent.length + this.#others.length > 0);
    this.#running = false;
  }

  #next(): T | undefined {
    if (this.#handled >= perTurn) {
      return undefined;
    }
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) {
      return urgent;
    }
    const newest = this.#others.pop();
    if (newest !== undefined && this.#options.clock.now() - newest.at > oldest) {
      // The rest is older still.
      for (let left = this.#others.splice(0).length + 1; left > 0; left--) {
        this.#options.dropped();
      }
      return undefined;
    }
    return newest?.message;
  }
}
