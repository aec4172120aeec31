import { discardLog } from "../../base/ports.ts";
import type { AppEnv } from "../../server/app.ts";
import { systemClock, systemRandom } from "../../server/system.ts";

/** The real clock and randomness, no log, no environment: what a daemon under test is started with. */
export function testEnv(changes: Partial<AppEnv> = {}): AppEnv {
  return { clock: systemClock, random: systemRandom, log: discardLog, variables: {}, ...changes };
}
