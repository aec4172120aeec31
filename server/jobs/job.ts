/** Jobs: long work that people follow, cancel and find again after a restart. The life of one is {@link reduceJob}. */
import type { ErrorCode } from "../../base/errors.ts";

export type JobKind =
  | "prepare"
  | "capture"
  | "commit"
  | "verify"
  | "rollback"
  | "copy"
  | "move"
  | "import"
  | "takeover"
  | "export"
  | "deploy"
  | "update"
  | "drift"
  | "flavor";
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

/** A JSON value. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface JobProgress {
  readonly phase: string;
  readonly percent?: number;
  readonly files?: number;
  readonly filesTotal?: number;
  readonly bytes?: number;
  readonly bytesTotal?: number;
  readonly rate?: number;
  readonly message?: string;
}

export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** What is asked for. */
export interface JobSpec {
  readonly kind: JobKind;
  readonly title: string;
  readonly node?: string;
  readonly image?: string;
  readonly params: Json;
  /** What the job holds while it runs, such as `image:web`, `node:n1`, `slots:update`; see jobs/queue.ts. */
  readonly resources: readonly string[];
}

export interface Job extends JobSpec {
  readonly id: number;
  readonly state: JobState;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly progress?: JobProgress;
  readonly error?: JobError;
  readonly result?: Json;
}

/** What happens to a job. */
export type JobChange =
  | { readonly kind: "started" }
  | { readonly kind: "progressed"; readonly progress: JobProgress }
  | { readonly kind: "done"; readonly result?: Json | undefined }
  | { readonly kind: "failed"; readonly error: JobError }
  | { readonly kind: "cancelled"; readonly error: JobError }
  /** Back into the queue, after a restart of the daemon, where the work goes on elsewhere. */
  | { readonly kind: "requeued" };

export function isOver(state: JobState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** The job after a change; the same value where the change has no meaning in its state (what is over stays over). */
export function reduceJob(job: Job, change: JobChange, now: number): Job {
  if (isOver(job.state)) {
    return job;
  }
  switch (change.kind) {
    case "started":
      return job.state === "queued" ? { ...job, state: "running", startedAt: now } : job;
    case "progressed":
      return job.state === "running" ? { ...job, progress: change.progress } : job;
    case "done":
      return job.state === "running"
        ? {
            ...job,
            state: "done",
            endedAt: now,
            ...(change.result === undefined ? {} : { result: change.result }),
          }
        : job;
    case "failed":
      return { ...job, state: "failed", endedAt: now, error: change.error };
    case "cancelled":
      return { ...job, state: "cancelled", endedAt: now, error: change.error };
    case "requeued":
      return job.state === "running" ? { ...job, state: "queued" } : job;
    default:
      return change satisfies never;
  }
}

/** What followers of a job are told. Ids rise over all jobs and are never given twice. */
export type JobEvent = { readonly id: number; readonly job: number; readonly at: number } & JobEventBody;

export type JobEventBody =
  | { readonly kind: "state"; readonly state: JobState; readonly error?: JobError }
  | { readonly kind: "progress"; readonly progress: JobProgress }
  | { readonly kind: "message"; readonly level: MessageLevel; readonly text: string };

export type MessageLevel = "info" | "warn" | "error";
