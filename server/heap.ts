/** How V8 treats the daemon's heap. */
import { setFlagsFromString } from "node:v8";

/**
 * By itself V8 lets a heap grow up to four times what is in use before it collects, as long as the machine has memory: with 100,000 files
 * a third of what was resident was garbage. A daemon shares its machine; see docs/performance.md for what this costs.
 */
export function collectOften(): void {
  setFlagsFromString("--heap-growing-percent=200");
}
