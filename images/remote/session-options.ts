/** Sessions that run their commands otherwise: at low priority, or with their output held to a rate. */
import type { Clock } from "../../base/ports.ts";
import { sh } from "../../base/posix-quote.ts";
import { duration } from "../../base/quantity.ts";
import type { RemoteSession } from "./session.ts";

/**
 * Every command gets the lowest CPU and I/O priority that the machine can give. Where it has no `ionice` or no `nice`, or the
 * kernel refuses, the command runs without.
 */
export function niceSession(session: RemoteSession): RemoteSession {
  const lower = (command: Parameters<RemoteSession["exec"]>[0]) => sh`ingot_nice=
nice -n 19 true 2>/dev/null && ingot_nice='nice -n 19'
ionice -c 3 true 2>/dev/null && ingot_nice="ionice -c 3 $ingot_nice"
exec $ingot_nice sh -c ${command}`;
  return {
    host: session.host,
    exec: (command, options) => session.exec(lower(command), options),
    run: (command, options) => session.run(lower(command), options),
    close: () => session.close(),
  };
}

/** Passes bytes on at `rate` a second: a token bucket that holds a quarter of a second. Whoever sends is held up by back-pressure. */
export async function* limitRate(
  source: AsyncIterable<Uint8Array>,
  options: { readonly rate: number; readonly clock: Clock; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { rate, clock, signal } = options;
  const depth = rate / 4;
  let tokens = depth;
  let last = clock.now();
  for await (const chunk of source) {
    const now = clock.now();
    tokens = Math.min(depth, tokens + ((now - last) * rate) / 1000) - chunk.length;
    last = now;
    if (tokens < 0) {
      await clock.sleep(duration(Math.ceil((-tokens * 1000) / rate)), signal);
    }
    yield chunk;
  }
}
