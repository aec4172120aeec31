/** Programs that must not outlive the daemon, however that ends. */

/**
 * In a session of its own: what stands before the program copies its standard input, and ends the whole session with it. Neither a
 * parent-death signal does that (a program that changes its user loses it, and QEMU does) nor the end of the input itself (QEMU keeps
 * running without one). The other way round it is the same: when the program has ended nothing of it is left.
 */
const guard = '{ cat; kill -KILL 0; } | { "$@"; kill -KILL 0; }';

/** The argument list that runs `argv` so that it ends with its standard input. How it ended is not told: only that it did. */
export function guarded(argv: readonly string[]): readonly string[] {
  return ["setsid", "sh", "-c", guard, "sh", ...argv];
}
