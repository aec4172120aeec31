import { describe, expect, it } from "vitest";
import { type Job, type JobChange, type JobState, reduceJob } from "../../../server/jobs/job.ts";
import { startable } from "../../../server/jobs/queue.ts";
import { addSample, emptyRate, rateOf } from "../../../server/jobs/rate.ts";

function job(id: number, state: JobState, resources: readonly string[] = []): Job {
  return { id, kind: "update", title: "", params: null, resources, state, createdAt: 0 };
}

describe("reduceJob()", () => {
  const error = { code: "io", message: "x" } as const;
  const changes: Record<string, JobChange> = {
    started: { kind: "started" },
    done: { kind: "done" },
    failed: { kind: "failed", error },
    cancelled: { kind: "cancelled", error },
    requeued: { kind: "requeued" },
  };
  const table: readonly (readonly [from: JobState, change: string, to: JobState])[] = [
    ["queued", "started", "running"],
    ["queued", "done", "queued"],
    ["queued", "failed", "failed"],
    ["queued", "cancelled", "cancelled"],
    ["running", "started", "running"],
    ["running", "done", "done"],
    ["running", "failed", "failed"],
    ["running", "cancelled", "cancelled"],
    ["running", "requeued", "queued"],
    ["done", "failed", "done"],
    ["failed", "done", "failed"],
    ["cancelled", "started", "cancelled"],
  ];
  it.each(table)("takes a %s job that is %s to %s", (from, change, to) => {
    expect(reduceJob(job(1, from), changes[change] as JobChange, 5).state).toBe(to);
  });
});

describe("startable()", () => {
  const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id);

  it("starts jobs that share nothing, and one of those that share an image", () => {
    const queued = [
      job(1, "queued", ["image:a"]),
      job(2, "queued", ["image:a"]),
      job(3, "queued", ["image:b"]),
    ];

    expect(ids(startable(queued, [], {}))).toEqual([1, 3]);
  });

  it("starts no more than there are slots", () => {
    const queued = [1, 2, 3, 4].map((id) => job(id, "queued", [`node:${id}`, "slots:update"]));

    expect(ids(startable(queued, [job(9, "running", ["slots:update"])], { "slots:update": 3 }))).toEqual([
      1, 2,
    ]);
  });

  it("does not hold a node's later job back from another node's slot", () => {
    const queued = [
      job(1, "queued", ["node:a", "slots:update"]),
      job(2, "queued", ["node:b", "slots:update"]),
    ];

    expect(ids(startable(queued, [job(9, "running", ["node:a"])], { "slots:update": 1 }))).toEqual([2]);
  });
});

describe("rateOf()", () => {
  it("is the bytes per second of the last seconds, and starts over with a new phase", () => {
    const first = addSample(addSample(emptyRate, 0, 0), 1000, 5000);

    expect(rateOf(first)).toBe(5000);
    expect(rateOf(addSample(first, 1100, 10))).toBeUndefined();
    expect(rateOf(addSample(first, 10_000, 50_000))).toBeUndefined();
  });
});
