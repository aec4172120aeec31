import { type Job, JobsStarted } from "../../api/schema/job.ts";
import type { CommandContext } from "../command.ts";
import { type FollowOptions, followJobs, throwIfFailed } from "../follow.ts";

/** Posts a request that starts jobs, follows them to their end, and throws if any failed. */
export async function runJobs(
  context: CommandContext,
  path: string,
  options: FollowOptions & { readonly body: unknown; readonly keepFailures?: boolean },
): Promise<readonly Job[]> {
  const started = await startJobs(context, path, options.body);
  const ended = await followJobs(context, started, options);
  if (options.keepFailures !== true) {
    throwIfFailed(ended);
  }
  return ended;
}

/** Posts a request that starts jobs and returns them as they were started. */
export async function startJobs(
  context: CommandContext,
  path: string,
  body: unknown,
): Promise<readonly Job[]> {
  return JobsStarted.parse(await context.api().call("POST", path, body)).jobs;
}

/** Leaves out options that were not given, so that the daemon's defaults hold. */
export function given<T extends Record<string, unknown>>(values: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0),
    ),
  ) as Partial<T>;
}

export function printJson(context: CommandContext, value: unknown): void {
  context.env.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
