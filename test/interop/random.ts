/** Randomness that can be repeated: the seed is printed, and `INGOT_SEED` sets it, where the caller has none. */

export interface Random {
  /** 0 up to and without `end`. */
  below(end: number): number;
  pick<T>(list: readonly T[]): T;
  bytes(length: number): Buffer;
}

export function seeded(name: string, fixed?: number): Random {
  const seed = fixed ?? Number(process.env.INGOT_SEED ?? Date.now() % 1_000_000);
  if (fixed === undefined) {
    console.info(`${name}: INGOT_SEED=${seed}`);
  }
  let state = seed >>> 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  return {
    below,
    pick: (list) => list[below(list.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
