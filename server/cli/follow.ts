/** Follows jobs to their end: one progress line per job on a terminal, a line per phase elsewhere. */
import { AppError } from "../../base/errors.ts";
import { Job, JobEvent, type JobEvent as JobEventValue, type Job as JobValue } from "../api/schema/job.ts";
import type { ApiClient } from "./api.ts";
import type { CommandContext } from "./command.ts";
import { ProgressDisplay } from "./progress-display.ts";

export interface FollowOptions {
  /** What Ctrl-C does to the jobs: stop them, or only stop looking. */
  readonly onInterrupt: "cancel" | "detach";
}

/** Waits for all jobs and returns them as they ended. Messages of warn and error level go to standard error as they come. */
export async function followJobs(
  context: CommandContext,
  jobs: readonly JobValue[],
  options: FollowOptions,
): Promise<readonly JobValue[]> {
  const { env } = context;
  const display = new ProgressDisplay(env.stderr, {
    quiet: context.args.quiet,
    now: () => env.clock.now(),
    tellEnds: jobs.length > 1,
  });
  const api = context.api();
  try {
    return await Promise.all(
      jobs.map(async (job) => {
        for await (const event of jobEvents(api, job.id, env.signal)) {
          display.show(job, event);
        }
        return Job.parse(await api.call("GET", `/api/jobs/${job.id}`));
      }),
    );
  } catch (error) {
    if (env.signal.aborted && options.onInterrupt === "cancel") {
      await Promise.allSettled(jobs.map(async (job) => await api.call("POST", `/api/jobs/${job.id}/cancel`)));
    }
    throw error;
  } finally {
    display.close();
  }
}

/** The events of one job from its first on; ends with the job. A broken connection is taken up again where it broke. */
async function* jobEvents(api: ApiClient, job: number, signal: AbortSignal): AsyncGenerator<JobEventValue> {
  let after = 0;
  for (let attempt = 0; attempt < 5; attempt++) {
    for await (const event of api.events(`/api/jobs/${job}/events?after=${after}`, signal)) {
      const parsed = JobEvent.parse(event.data);
      after = parsed.id;
      attempt = 0;
      yield parsed;
      if (parsed.kind === "state" && isOver(parsed.state)) {
        return;
      }
    }
    if (isOver(Job.parse(await api.call("GET", `/api/jobs/${job}`)).state)) {
      return;
    }
  }
  throw new AppError(
    "unreachable",
    `The daemon ended the event stream of job ${job} before the job was over`,
    {
      hint: `'ingot jobs' shows how it stands`,
    },
  );
}

export function isOver(state: JobValue["state"]): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** Throws what a failed job said; several jobs become one error that names each. */
export function throwIfFailed(jobs: readonly JobValue[]): void {
  const failed = jobs.filter((job) => job.state !== "done");
  const [first] = failed;
  if (first === undefined) {
    return;
  }
  if (failed.length === 1 && jobs.length === 1) {
    throw jobError(first);
  }
  const lines = failed.map((job) => `${job.node ?? job.title}: ${jobError(job).message}`);
  throw new AppError("remote-failed", `${failed.length} of ${jobs.length} failed`, {
    hint: lines.join("\n"),
  });
}

function jobError(job: JobValue): AppError {
  if (job.state === "cancelled") {
    return new AppError("cancelled", `Job ${job.id} (${job.title}) was stopped on request`);
  }
  const error = job.error ?? {
    code: "internal",
    message: `Job ${job.id} (${job.title}) failed without a reason`,
  };
  return AppError.fromCode(error.code, error.message, error.hint);
}
