/** Long work, and the events that tell of it. */
import { z } from "zod";

export const JobKind = z.enum([
  "prepare",
  "capture",
  "commit",
  "verify",
  "rollback",
  "copy",
  "move",
  "import",
  "takeover",
  "export",
  "deploy",
  "update",
  "drift",
  "flavor",
]);
export type JobKind = z.infer<typeof JobKind>;

export const JobState = z.enum(["queued", "running", "done", "failed", "cancelled"]);
export type JobState = z.infer<typeof JobState>;

export const JobProgress = z.object({
  phase: z.string(),
  percent: z.number().optional(),
  files: z.number().optional(),
  filesTotal: z.number().optional(),
  bytes: z.number().optional(),
  bytesTotal: z.number().optional(),
  /** Bytes per second over the last few seconds. */
  rate: z.number().optional(),
  message: z.string().optional(),
});
export type JobProgress = z.infer<typeof JobProgress>;

export const JobError = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });
export type JobError = z.infer<typeof JobError>;

export const Job = z.object({
  id: z.int(),
  kind: JobKind,
  /** What it works on: `web@3 on node n1`. */
  title: z.string(),
  node: z.string().optional(),
  image: z.string().optional(),
  state: JobState,
  createdAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  progress: JobProgress.optional(),
  error: JobError.optional(),
  /** By kind: PrepareResult, CaptureResult, CommitResult, VerifyResult, RollbackResult, CopyResult, MoveResult, ImportResult, TakeOverResult, ExportResult, DeployResult, UpdateResult (update and drift), FlavorResult. */
  result: z.json().optional(),
});
export type Job = z.infer<typeof Job>;

export const JobsStarted = z.object({ jobs: z.array(Job) });
export type JobsStarted = z.infer<typeof JobsStarted>;

export const JobList = z.object({ jobs: z.array(Job) });
export type JobList = z.infer<typeof JobList>;

const eventBase = { id: z.int(), job: z.int(), at: z.number() };

export const JobEvent = z.discriminatedUnion("kind", [
  z.object({ ...eventBase, kind: z.literal("state"), state: JobState, error: JobError.optional() }),
  z.object({ ...eventBase, kind: z.literal("progress"), progress: JobProgress }),
  z.object({
    ...eventBase,
    kind: z.literal("message"),
    level: z.enum(["info", "warn", "error"]),
    text: z.string(),
  }),
]);
export type JobEvent = z.infer<typeof JobEvent>;

export const EventList = z.object({ events: z.array(JobEvent) });
export type EventList = z.infer<typeof EventList>;
