import type { Job, JobEvent, JobEventBody, JobSpec } from "./job.ts";

/** Where jobs and their events are kept. Every call is durable when it returns. */
export interface JobJournal {
  insert(spec: JobSpec, now: number): Job;
  /** Stores the job's new state together with the event that tells of it. */
  record(job: Job, event: JobEventBody, now: number): JobEvent;
  get(id: number): Job | undefined;
  /** Newest first. */
  list(options: { readonly active?: boolean; readonly limit: number }): readonly Job[];
  /** Queued and running ones, oldest first. */
  unfinished(): readonly Job[];
  /** Events after an id, oldest first. */
  events(options: {
    readonly after: number;
    readonly job?: number;
    readonly limit: number;
  }): readonly JobEvent[];
  /** The id of the newest event, 0 where there is none. */
  lastEvent(): number;
  /** Forgets finished jobs that ended before `time`, with their events. */
  prune(time: number): void;
}
