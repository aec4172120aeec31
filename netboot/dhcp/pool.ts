/** Which address of a range is given next, found without looking through the range. */
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber } from "../../base/net-types.ts";
import { MinHeap } from "./min-heap.ts";

export interface PoolRange {
  readonly from: Ipv4Address;
  readonly to: Ipv4Address;
}

/** What the pool asks about an address while it looks for a free one. */
export interface PoolQuestions {
  /** When the address's lease ends or ended; undefined where it has none. */
  endOf(address: Ipv4Address): number | undefined;
  /** Whether the machine at hand may have the address now. */
  isFree(address: Ipv4Address): boolean;
}

/** A pool that was found to be used up is looked through from its beginning no sooner than this: what was reserved may be free again. */
const rescanTime = 30_000;

/**
 * Gives the first address that nobody ever had, else one that came back, else the one whose lease ended longest ago. A cursor, a set and
 * a heap remember where those are, so that neither the size of the range nor the number of leases costs anything. They are hints only:
 * whatever they name is asked about before it is given.
 */
export class Pool {
  readonly #first: number;
  readonly #last: number;
  /** Below it, every address has a lease, or came into `#returned`, or was not to be had when it was passed. */
  #cursor: number;
  readonly #returned = new Set<Ipv4Address>();
  /** By the end of the lease as it was when the entry was made: a lease that was renewed since goes back with its new end. */
  readonly #ending = new MinHeap<Ipv4Address>();
  readonly #queued = new Set<Ipv4Address>();
  #rescanned = Number.NEGATIVE_INFINITY;

  constructor(
    { from, to }: PoolRange,
    leased: Iterable<{ readonly address: Ipv4Address; readonly expiresAt: number }>,
  ) {
    this.#first = ipv4ToNumber(from);
    this.#last = ipv4ToNumber(to);
    this.#cursor = this.#first;
    for (const { address, expiresAt } of leased) {
      this.leased(address, expiresAt);
    }
  }

  has(address: Ipv4Address): boolean {
    const number = ipv4ToNumber(address);
    return number >= this.#first && number <= this.#last;
  }

  /** An address has a lease now. */
  leased(address: Ipv4Address, end: number): void {
    if (this.has(address) && !this.#queued.has(address)) {
      this.#queued.add(address);
      this.#ending.push(address, end);
    }
  }

  /** An offer of the address lapsed. */
  returned(address: Ipv4Address, end: number | undefined): void {
    if (end !== undefined) {
      this.leased(address, end);
    } else if (this.has(address) && ipv4ToNumber(address) < this.#cursor) {
      this.#returned.add(address);
    }
  }

  find(now: number, questions: PoolQuestions): Ipv4Address | undefined {
    const found = this.#look(now, questions);
    if (found !== undefined || now - this.#rescanned < rescanTime) {
      return found;
    }
    this.#rescanned = now;
    this.#cursor = this.#first;
    for (let number = this.#first; number <= this.#last; number++) {
      const address = ipv4FromNumber(number);
      const end = questions.endOf(address);
      if (end !== undefined) {
        this.leased(address, end);
      }
    }
    return this.#look(now, questions);
  }

  #look(now: number, questions: PoolQuestions): Ipv4Address | undefined {
    return this.#neverLeased(questions) ?? this.#cameBack(questions) ?? this.#endedFirst(now, questions);
  }

  #neverLeased({ endOf, isFree }: PoolQuestions): Ipv4Address | undefined {
    for (; this.#cursor <= this.#last; this.#cursor++) {
      const address = ipv4FromNumber(this.#cursor);
      if (endOf(address) === undefined && isFree(address)) {
        return address;
      }
    }
    return undefined;
  }

  #cameBack({ endOf, isFree }: PoolQuestions): Ipv4Address | undefined {
    for (const address of this.#returned) {
      if (endOf(address) === undefined && isFree(address)) {
        return address;
      }
      this.#returned.delete(address);
    }
    return undefined;
  }

  #endedFirst(now: number, { endOf, isFree }: PoolQuestions): Ipv4Address | undefined {
    for (let top = this.#ending.peek(); top !== undefined && top.key <= now; top = this.#ending.peek()) {
      const address = top.value;
      const end = endOf(address);
      if (end === top.key && isFree(address)) {
        return address;
      }
      this.#ending.pop();
      this.#queued.delete(address);
      if (end !== undefined && end !== top.key) {
        this.leased(address, end);
      }
    }
    return undefined;
  }
}
