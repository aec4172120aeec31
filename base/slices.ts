/**
 * Long computing in slices, so that one thread can do other things in between: a generator that yields now and then, and whose driver
 * decides what happens there.
 */

/** A computation that yields after each slice, and returns its result. */
export type Sliced<T> = Generator<void, T>;

/** How many small steps make a slice: some milliseconds. */
export const sliceSteps = 5000;

/** The items, with a slice's end after every so many of them. */
export function* inSlices<T>(items: Iterable<T>, work: (item: T) => void): Sliced<void> {
  let steps = 0;
  for (const item of items) {
    work(item);
    steps += 1;
    if (steps % sliceSteps === 0) {
      yield;
    }
  }
}

/** A sorted copy. Stable: pieces are sorted by themselves, then merged. */
export function* sortInSlices<T>(items: readonly T[], compare: (a: T, b: T) => number): Sliced<T[]> {
  let runs: T[][] = [];
  for (let start = 0; start < items.length; start += sliceSteps) {
    runs.push(items.slice(start, start + sliceSteps).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [first = [], second] = [runs[index], runs[index + 1]];
      merged.push(second === undefined ? first : yield* mergeInSlices(first, second, compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeInSlices<T>(
  first: readonly T[],
  second: readonly T[],
  compare: (a: T, b: T) => number,
): Sliced<T[]> {
  const merged: T[] = [];
  let [left, right] = [0, 0];
  while (left < first.length || right < second.length) {
    const takeLeft =
      right >= second.length || (left < first.length && compare(first[left] as T, second[right] as T) <= 0);
    merged.push((takeLeft ? first[left++] : second[right++]) as T);
    if (merged.length % sliceSteps === 0) {
      yield;
    }
  }
  return merged;
}

/** Runs a computation in one go. */
export function allSlices<T>(sliced: Sliced<T>): T {
  for (;;) {
    const step = sliced.next();
    if (step.done === true) {
      return step.value;
    }
  }
}
