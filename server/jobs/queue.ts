/** Which queued jobs may start: a pure decision over what the running ones hold. */
import type { Job } from "./job.ts";

/**
 * How many jobs may hold a resource at once. `slots:NAME` has the given number, anything else (`image:web`, `node:n1`) one.
 */
export type Capacities = Readonly<Record<string, number>>;

/** The queued jobs that may start now, oldest first; a job that waits for a resource keeps later ones off that resource. */
export function startable(queued: readonly Job[], running: readonly Job[], capacities: Capacities): Job[] {
  const held = new Map<string, number>();
  for (const job of running) {
    hold(held, job);
  }
  const chosen: Job[] = [];
  for (const job of queued) {
    const fits = job.resources.every((name) => (held.get(name) ?? 0) < (capacities[name] ?? 1));
    if (fits) {
      chosen.push(job);
    }
    if (fits || job.resources.every((name) => capacities[name] === undefined)) {
      hold(held, job);
    }
  }
  return chosen;
}

function hold(held: Map<string, number>, job: Job): void {
  for (const name of job.resources) {
    held.set(name, (held.get(name) ?? 0) + 1);
  }
}
