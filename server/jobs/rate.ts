/** Bytes per second over a sliding window, as a value. */
export interface RateWindow {
  readonly samples: readonly { readonly at: number; readonly bytes: number }[];
}

export const emptyRate: RateWindow = { samples: [] };
const windowMs = 5000;

/** Adds a sample; a count that falls (a new phase) starts over. */
export function addSample(window: RateWindow, at: number, bytes: number): RateWindow {
  const last = window.samples.at(-1);
  if (last !== undefined && bytes < last.bytes) {
    return { samples: [{ at, bytes }] };
  }
  const recent = window.samples.filter((sample) => at - sample.at <= windowMs);
  return { samples: [...recent, { at, bytes }] };
}

/** Undefined until two samples lie at least half a second apart. */
export function rateOf(window: RateWindow): number | undefined {
  const first = window.samples[0];
  const last = window.samples.at(-1);
  if (first === undefined || last === undefined || last.at - first.at < 500) {
    return undefined;
  }
  return Math.round(((last.bytes - first.bytes) * 1000) / (last.at - first.at));
}
