/** Runs jobs: bounded by what they hold, cancellable, every change journalled before it is told. */
import { AppError, toAppError } from "../../base/errors.ts";
import type { Clock, Log, Progress } from "../../base/ports.ts";
import type { EventFeed } from "./event-feed.ts";
import {
  isOver,
  type Job,
  type JobChange,
  type JobError,
  type JobEventBody,
  type JobKind,
  type JobProgress,
  type JobSpec,
  type Json,
  type MessageLevel,
  reduceJob,
} from "./job.ts";
import type { JobJournal } from "./journal.ts";
import { type Capacities, startable } from "./queue.ts";
import { addSample, emptyRate, type RateWindow, rateOf } from "./rate.ts";

export interface JobContext {
  readonly job: Job;
  readonly signal: AbortSignal;
  readonly log: Log;
  progress(progress: Progress & { readonly percent?: number }): void;
  message(level: MessageLevel, text: string): void;
}

export interface JobHandler {
  run(context: JobContext): Promise<Json | undefined>;
  /** True where a job survives a restart of the daemon because its work goes on elsewhere. */
  readonly resumes?: boolean;
}

export interface JobRunnerParts {
  readonly journal: JobJournal;
  readonly feed: EventFeed;
  readonly clock: Clock;
  readonly log: Log;
  readonly capacities: Capacities;
  readonly handlers: Readonly<Record<JobKind, JobHandler>>;
}

export interface JobRunner {
  /** Takes up what the last daemon left: running jobs fail as interrupted (or resume), queued ones stay queued. */
  start(): void;
  submit(specs: readonly JobSpec[]): readonly Job[];
  cancel(id: number): Job;
  /** Asks for a finished job's work once more, as a new job. */
  rerun(id: number): Job;
  /** Ends all running jobs as interrupted and waits for them. */
  stop(): Promise<void>;
}

interface Active {
  job: Job;
  readonly abort: AbortController;
  rate: RateWindow;
  progressAt: number;
  done: Promise<void>;
}

/** Progress is journalled at most this often per job; a new phase at once. */
const progressInterval = 1000;

export function createJobRunner(parts: JobRunnerParts): JobRunner {
  const { journal, feed, clock, log } = parts;
  const active = new Map<number, Active>();
  let queue: Job[] = [];
  let stopping = false;

  function change(job: Job, what: JobChange, event: JobEventBody): Job {
    const next = reduceJob(job, what, clock.now());
    if (next !== job) {
      feed.publish(journal.record(next, event, clock.now()));
    }
    return next;
  }

  function end(job: Job, error: AppError): Job {
    const told = describe(error);
    return error.code === "cancelled"
      ? change(job, { kind: "cancelled", error: told }, { kind: "state", state: "cancelled", error: told })
      : change(job, { kind: "failed", error: told }, { kind: "state", state: "failed", error: told });
  }

  function dispatch(): void {
    if (stopping) {
      return;
    }
    const running = [...active.values()].map((entry) => entry.job);
    for (const job of startable(queue, running, parts.capacities)) {
      queue = queue.filter((other) => other.id !== job.id);
      launch(job);
    }
  }

  function launch(job: Job): void {
    const entry: Active = {
      job: change(job, { kind: "started" }, { kind: "state", state: "running" }),
      abort: new AbortController(),
      rate: emptyRate,
      progressAt: 0,
      done: Promise.resolve(),
    };
    active.set(job.id, entry);
    entry.done = execute(entry).finally(() => {
      active.delete(job.id);
      dispatch();
    });
  }

  async function execute(entry: Active): Promise<void> {
    const jobLog = log.child({ job: entry.job.id, kind: entry.job.kind });
    try {
      const result = await parts.handlers[entry.job.kind].run({
        job: entry.job,
        signal: entry.abort.signal,
        log: jobLog,
        progress: (progress) => report(entry, progress),
        message: (level, text) => {
          feed.publish(journal.record(entry.job, { kind: "message", level, text }, clock.now()));
        },
      });
      entry.job = change(entry.job, { kind: "done", result }, { kind: "state", state: "done" });
      jobLog.info("Job done");
    } catch (error) {
      const reason: unknown = entry.abort.signal.aborted ? entry.abort.signal.reason : error;
      const failure = toAppError(reason);
      if (stopping && parts.handlers[entry.job.kind].resumes === true) {
        return;
      }
      entry.job = end(entry.job, failure);
      jobLog.warn("Job ended", { code: failure.code, message: failure.message });
    }
  }

  function report(entry: Active, progress: Progress & { readonly percent?: number }): void {
    const now = clock.now();
    if (progress.bytes !== undefined) {
      entry.rate = addSample(entry.rate, now, progress.bytes);
    }
    const rate = rateOf(entry.rate);
    const told: JobProgress = { ...progress, ...(rate === undefined ? {} : { rate }) };
    const newPhase = entry.job.progress?.phase !== progress.phase;
    if (!newPhase && now - entry.progressAt < progressInterval) {
      return;
    }
    entry.progressAt = now;
    entry.job = change(
      entry.job,
      { kind: "progressed", progress: told },
      { kind: "progress", progress: told },
    );
  }

  function submit(specs: readonly JobSpec[]): readonly Job[] {
    if (stopping) {
      throw new AppError("unreachable", "The daemon is stopping");
    }
    const jobs = specs.map((spec) => {
      const job = journal.insert(spec, clock.now());
      feed.publish(journal.record(job, { kind: "state", state: "queued" }, clock.now()));
      return job;
    });
    queue.push(...jobs);
    dispatch();
    return jobs;
  }

  function find(id: number): Job {
    const job = active.get(id)?.job ?? journal.get(id);
    if (job === undefined) {
      throw new AppError("not-found", `Job ${id} does not exist`);
    }
    return job;
  }

  return {
    submit,
    start() {
      for (const job of journal.unfinished()) {
        queue.push(...recovered(job));
      }
      dispatch();
    },
    cancel(id) {
      const job = find(id);
      const entry = active.get(id);
      if (entry !== undefined) {
        entry.abort.abort(new AppError("cancelled", `Job ${id} was cancelled`));
        return entry.job;
      }
      queue = queue.filter((other) => other.id !== id);
      return end(job, new AppError("cancelled", `Job ${id} was cancelled before it ran`));
    },
    rerun(id) {
      const job = find(id);
      if (!isOver(job.state)) {
        throw new AppError("conflict", `Job ${id} is ${job.state}`, {
          hint: "only a finished job can be rerun",
        });
      }
      const { kind, title, node, image, params, resources } = job;
      const spec = { kind, title, params, resources };
      const [again] = submit([
        {
          ...spec,
          ...(node === undefined ? {} : { node }),
          ...(image === undefined ? {} : { image }),
        },
      ]);
      return again ?? job;
    },
    async stop() {
      stopping = true;
      for (const entry of active.values()) {
        entry.abort.abort(interrupted("the daemon was stopped"));
      }
      await Promise.all([...active.values()].map((entry) => entry.done));
    },
  };

  function recovered(job: Job): Job[] {
    if (job.state === "queued") {
      return [job];
    }
    if (parts.handlers[job.kind].resumes === true) {
      return [change(job, { kind: "requeued" }, { kind: "state", state: "queued" })];
    }
    end(job, interrupted("interrupted by restart"));
    return [];
  }
}

function interrupted(why: string): AppError {
  return new AppError("io", `Job did not finish: ${why}`, { hint: "rerun it" });
}

function describe(error: AppError): JobError {
  const hint = error.details.hint;
  return { code: error.code, message: error.message, ...(hint === undefined ? {} : { hint }) };
}
