/** A binary heap: the value with the smallest key is at hand, the rest is sorted no more than that takes. */
export class MinHeap<T> {
  readonly #entries: { readonly key: number; readonly value: T }[] = [];

  get size(): number {
    return this.#entries.length;
  }

  peek(): { readonly key: number; readonly value: T } | undefined {
    return this.#entries[0];
  }

  push(value: T, key: number): void {
    const entries = this.#entries;
    let at = entries.length;
    entries.push({ key, value });
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((entries[parent]?.key as number) <= key) {
        break;
      }
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const entries = this.#entries;
    const top = entries[0];
    const last = entries.pop();
    if (top === undefined || last === undefined || entries.length === 0) {
      return top?.value;
    }
    entries[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      const smaller = this.#key(right) < this.#key(left) ? right : left;
      if (this.#key(smaller) >= last.key) {
        return top.value;
      }
      this.#swap(at, smaller);
      at = smaller;
    }
  }

  /** Infinity where there is no entry. */
  #key(at: number): number {
    return this.#entries[at]?.key ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const entries = this.#entries;
    [entries[a], entries[b]] = [entries[b] as (typeof entries)[0], entries[a] as (typeof entries)[0]];
  }
}
