import type { Database, SqlRow } from "../state/database.ts";
import type { Job, JobEvent, JobEventBody } from "./job.ts";
import type { JobJournal } from "./journal.ts";

export function createSqliteJournal(database: Database): JobJournal {
  function save(job: Job): void {
    database.run(
      "UPDATE jobs SET state = ?, ended_at = ?, record = ? WHERE id = ?",
      job.state,
      job.endedAt ?? null,
      JSON.stringify(job),
      job.id,
    );
  }
  return {
    insert: (spec, now) =>
      database.transaction(() => {
        const { id } = database.run(
          "INSERT INTO jobs (kind, state, node, image, created_at, record) VALUES (?, 'queued', ?, ?, ?, '')",
          spec.kind,
          spec.node ?? null,
          spec.image ?? null,
          now,
        );
        const job: Job = { ...spec, id, state: "queued", createdAt: now };
        save(job);
        return job;
      }),
    record: (job, event, now) =>
      database.transaction(() => {
        save(job);
        return appendEvent(database, { job: job.id, event, now });
      }),
    get: (id) => {
      const row = database.get("SELECT record FROM jobs WHERE id = ?", id);
      return row === undefined ? undefined : jobFromRow(row);
    },
    list: ({ active, limit }) =>
      database
        .all(
          `SELECT record FROM jobs ${active === true ? "WHERE state IN ('queued', 'running')" : ""} ORDER BY id DESC LIMIT ?`,
          limit,
        )
        .map(jobFromRow),
    unfinished: () =>
      database
        .all("SELECT record FROM jobs WHERE state IN ('queued', 'running') ORDER BY id")
        .map(jobFromRow),
    events: ({ after, job, limit }) =>
      (job === undefined
        ? database.all("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        : database.all("SELECT * FROM events WHERE id > ? AND job = ? ORDER BY id LIMIT ?", after, job, limit)
      ).map(eventFromRow),
    lastEvent: () => Number(database.get("SELECT max(id) AS id FROM events")?.id ?? 0),
    prune: (time) => {
      database.run("DELETE FROM jobs WHERE ended_at IS NOT NULL AND ended_at < ?", time);
    },
  };
}

function appendEvent(
  database: Database,
  entry: { readonly job: number; readonly event: JobEventBody; readonly now: number },
): JobEvent {
  const { id } = database.run(
    "INSERT INTO events (job, at, record) VALUES (?, ?, ?)",
    entry.job,
    entry.now,
    JSON.stringify(entry.event),
  );
  return { id, job: entry.job, at: entry.now, ...entry.event };
}

/** Records were written by this file. */
function jobFromRow(row: SqlRow): Job {
  return JSON.parse(String(row.record)) as Job;
}

function eventFromRow(row: SqlRow): JobEvent {
  const body = JSON.parse(String(row.record)) as JobEventBody;
  return { id: Number(row.id), job: Number(row.job), at: Number(row.at), ...body };
}
