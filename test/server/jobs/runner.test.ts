import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../../base/errors.ts";
import { discardLog } from "../../../base/ports.ts";
import { createEventFeed, type EventFeed } from "../../../server/jobs/event-feed.ts";
import type { JobEvent, JobKind, JobSpec } from "../../../server/jobs/job.ts";
import type { JobJournal } from "../../../server/jobs/journal.ts";
import { createJobRunner, type JobHandler, type JobRunner } from "../../../server/jobs/runner.ts";
import { createSqliteJournal } from "../../../server/jobs/sqlite-journal.ts";
import { type Database, openDatabase } from "../../../server/state/database.ts";
import { createManualClock, type ManualClock } from "../../fakes/clock.ts";

let folder: string;
let database: Database;
let journal: JobJournal;
let feed: EventFeed;
let clock: ManualClock;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-jobs-"));
  database = openDatabase(join(folder, "ingot.db"));
  journal = createSqliteJournal(database);
  feed = createEventFeed(journal);
  clock = createManualClock();
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const spec: JobSpec = { kind: "update", title: "t", params: { a: 1 }, resources: ["node:a"] };
const idle: JobHandler = { run: async () => undefined };

function runner(handlers: Partial<Record<JobKind, JobHandler>>): JobRunner {
  const kinds = {
    prepare: idle,
    capture: idle,
    commit: idle,
    verify: idle,
    rollback: idle,
    copy: idle,
    move: idle,
    import: idle,
    takeover: idle,
    export: idle,
    deploy: idle,
    update: idle,
    drift: idle,
    flavor: idle,
  };
  return createJobRunner({
    journal,
    feed,
    clock,
    log: discardLog,
    capacities: {},
    handlers: { ...kinds, ...handlers },
  });
}

async function eventsOf(job: number): Promise<readonly JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of feed.follow({ after: 0, job, signal: AbortSignal.timeout(5000) })) {
    events.push(event);
  }
  return events;
}

const waits: JobHandler = {
  run: ({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
    }),
};

describe("job runner", () => {
  it("tells a job's life in order, and keeps its result", async () => {
    const jobs = runner({
      update: {
        run: async ({ progress, message }) => {
          progress({ phase: "list" });
          progress({ phase: "list", files: 5 });
          clock.advance(1000);
          progress({ phase: "list", files: 9 });
          message("warn", "odd");
          return { n: 3 };
        },
      },
    });

    const [job] = jobs.submit([spec]);

    const told = (await eventsOf(job!.id)).map((event) =>
      event.kind === "state"
        ? event.state
        : event.kind === "progress"
          ? `files ${event.progress.files}`
          : event.text,
    );
    expect(told).toEqual(["queued", "running", "files undefined", "files 9", "odd", "done"]);
    expect(journal.get(job!.id)).toMatchObject({ state: "done", result: { n: 3 } });
  });

  it("runs jobs of one node one after the other", async () => {
    const jobs = runner({ update: waits });
    const [first, second] = jobs.submit([spec, spec]);
    expect([journal.get(first!.id)?.state, journal.get(second!.id)?.state]).toEqual(["running", "queued"]);

    jobs.cancel(first!.id);
    await eventsOf(first!.id);
    await Promise.resolve();

    expect(journal.get(first!.id)).toMatchObject({ state: "cancelled", error: { code: "cancelled" } });
    await expect.poll(() => journal.get(second!.id)?.state).toBe("running");
    jobs.cancel(second!.id);
    await eventsOf(second!.id);
  });

  it("cancels a queued job without running it", () => {
    const jobs = runner({ update: waits });
    const [, second] = jobs.submit([spec, spec]);

    expect(jobs.cancel(second!.id).state).toBe("cancelled");
  });

  it("keeps an error's code, message and hint", async () => {
    const failing: JobHandler = {
      run: async () => {
        throw new AppError("no-space", "Disk is full", { hint: "make room" });
      },
    };
    const [job] = runner({ update: failing }).submit([spec]);

    await eventsOf(job!.id);

    expect(journal.get(job!.id)?.error).toEqual({
      code: "no-space",
      message: "Disk is full",
      hint: "make room",
    });
  });

  it("fails what a dead daemon was running, runs what it had queued, resumes what goes on elsewhere", async () => {
    const dead = runner({ update: waits, deploy: { ...waits, resumes: true } });
    const [running, queued] = dead.submit([spec, spec]);
    const [deploy] = dead.submit([{ ...spec, kind: "deploy", resources: ["node:b"] }]);

    const jobs = runner({ deploy: { ...idle, resumes: true } });
    jobs.start();

    expect((await eventsOf(queued!.id)).at(-1)).toMatchObject({ state: "done" });
    expect((await eventsOf(deploy!.id)).at(-1)).toMatchObject({ state: "done" });
    expect(journal.get(running!.id)).toMatchObject({
      state: "failed",
      error: { message: expect.stringContaining("interrupted by restart") },
    });
    const again = jobs.rerun(running!.id);
    expect((await eventsOf(again.id)).at(-1)).toMatchObject({ state: "done" });
    expect(again.params).toEqual({ a: 1 });
  });

  it("ends running jobs when it stops, and leaves those that resume as they are", async () => {
    const jobs = runner({ update: waits, deploy: { ...waits, resumes: true } });
    const [update] = jobs.submit([spec]);
    const [deploy] = jobs.submit([{ ...spec, kind: "deploy", resources: [] }]);

    await jobs.stop();

    expect(journal.get(update!.id)?.state).toBe("failed");
    expect(journal.get(deploy!.id)?.state).toBe("running");
    expect(() => jobs.submit([spec])).toThrow(/stopping/);
  });

  it("resumes a stream of events after any of them", async () => {
    const [job] = runner({}).submit([spec]);
    const all = await eventsOf(job!.id);

    const rest: JobEvent[] = [];
    for await (const event of feed.follow({
      after: all[0]!.id,
      job: job!.id,
      signal: AbortSignal.timeout(5000),
    })) {
      rest.push(event);
    }

    expect(rest).toEqual(all.slice(1));
  });
});
