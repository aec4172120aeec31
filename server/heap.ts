/** How V8 treats the daemon's heap. */
import { setFlagsFromString } from "node:v8";

/**
 * By itself V8 lets a heap grow up to four times what is in use before it collects, as long as the machine has memory; a daemon shares its
 * machine. Much less than this costs time where much is streamed: see docs/performance.md.
 */
export function collectOften(): void {
  setFlagsFromString("--heap-growing-percent=200");
}
