/** Drives a computation in slices with the rest of the process's work in between. */
import { setImmediate } from "node:timers/promises";
import type { Sliced } from "../../base/slices.ts";

/** Runs a long computation to its end; a stop takes effect after the slice that is being computed. */
export async function letOthersRun<T>(
  sliced: Sliced<T>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  for (;;) {
    const step = sliced.next();
    if (step.done === true) {
      return step.value;
    }
    signal?.throwIfAborted();
    await setImmediate();
  }
}
