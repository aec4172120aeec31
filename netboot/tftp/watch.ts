/** Looks at what waits for its time, a few times a second: one sleeper for all transfers, so that neither they nor their packets cost a timer. */
import type { Clock } from "../../base/ports.ts";
import { duration } from "../../base/quantity.ts";

export interface Watched {
  tick(now: number): void;
}

const interval = duration(100);

export class Watch {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #running: boolean = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  async #run(): Promise<void> {
    while (this.#watched.size > 0) {
      await this.#clock.sleep(interval);
      const now = this.#clock.now();
      for (const watched of this.#watched) {
        watched.tick(now);
      }
    }
    this.#running = false;
  }
}
