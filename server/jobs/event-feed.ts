/** Job events as they happen, after those that happened before: the journal and the present as one stream. */
import { isOver, type JobEvent } from "./job.ts";
import type { JobJournal } from "./journal.ts";

export interface FollowOptions {
  /** Only events with a higher id. */
  readonly after: number;
  /** Only this job's; the stream ends with the event that says it is over. */
  readonly job?: number;
  readonly signal: AbortSignal;
}

export interface EventFeed {
  publish(event: JobEvent): void;
  /** Ends when `signal` aborts, the feed closes, or the job is over. A slow reader costs no memory: it reads the journal. */
  follow(options: FollowOptions): AsyncIterable<JobEvent>;
  close(): void;
}

const pageSize = 500;

export function createEventFeed(journal: JobJournal): EventFeed {
  const waiting = new Set<() => void>();
  let closed = false;

  function wakeAll(): void {
    for (const wake of waiting) {
      wake();
    }
  }

  /** Resolves at the next publication, or when the reader or the feed ends. */
  async function nextEvent(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      function wake(): void {
        waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      }
      waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  return {
    publish: wakeAll,
    async *follow({ after, job, signal }) {
      let last = after;
      while (!signal.aborted && !closed) {
        const page = journal.events({ after: last, limit: pageSize, ...(job === undefined ? {} : { job }) });
        for (const event of page) {
          last = event.id;
          yield event;
        }
        if (page.length > 0) {
          continue;
        }
        if (job !== undefined && isOver(journal.get(job)?.state ?? "failed")) {
          return;
        }
        await nextEvent(signal);
      }
    },
    close() {
      closed = true;
      wakeAll();
    },
  };
}
