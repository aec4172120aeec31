/** Transforms and limits for `AsyncIterable`s. A generator here always ends its source: by exhausting or by `return()`. */
import { AppError } from "./errors.ts";

/** Runs `work` over `items`, at most `limit` at once, results in item order; the first error aborts the rest. */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  async function worker(): Promise<void> {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T, index);
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

/** Passes chunks on and throws `hostile` when more than `limit` bytes have come. */
export async function* limitBytes(
  source: AsyncIterable<Uint8Array>,
  options: { readonly limit: number; readonly what: string },
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > options.limit) {
      throw new AppError("hostile", `Too much data: ${options.what} is over ${options.limit} bytes`);
    }
    yield chunk;
  }
}

/** Reads everything, at most `limit` bytes. */
export async function readAll(
  source: AsyncIterable<Uint8Array>,
  options: { readonly limit: number; readonly what: string },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of limitBytes(source, options)) {
    parts.push(chunk);
    length += chunk.length;
  }
  const all = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** A value as an async iterable of one. */
export async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/**
 * Something that happens once, which many waits in a row can be cut short by. A promise raced against for every chunk of a
 * long stream would keep a reaction for each of them.
 */
export class Latch {
  #open = false;
  readonly #waiting = new Set<() => void>();

  get isOpen(): boolean {
    return this.#open;
  }

  open(): void {
    this.#open = true;
    for (const wake of this.#waiting) {
      wake();
    }
    this.#waiting.clear();
  }

  /** What the promise comes to, or undefined where the latch opens before. */
  async orOpen<T>(promise: Promise<T>): Promise<T | undefined> {
    return await new Promise<T | undefined>((resolve, reject) => {
      const wake = () => resolve(undefined);
      const settle = () => this.#waiting.delete(wake);
      promise.then(resolve, reject).then(settle, settle);
      if (this.#open) {
        wake();
      } else {
        this.#waiting.add(wake);
      }
    });
  }
}

/** Two things at the same time; where one fails, the other is waited for. */
export async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}
