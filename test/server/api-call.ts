/** The API of a daemon under test, over its local socket. */
import { request } from "node:http";
import { join } from "node:path";
import { Job, JobsStarted } from "../../server/api/schema/job.ts";
import type { App } from "../../server/app.ts";

/** Calls and returns the decoded body: an answer, or a problem document. */
export function callApi(app: App, method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socketPath = join(app.status().state, "ingot.sock");
    const outgoing = request({ socketPath, path, method, headers: { host: "ingot" } }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (part: string) => {
        text += part;
      });
      incoming.on("end", () => resolve(text === "" ? undefined : JSON.parse(text)));
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Follows the one job that an answer names to its end. */
export async function followJob(app: App, started: unknown): Promise<Job> {
  const id = JobsStarted.parse(started).jobs[0]?.id ?? 0;
  const feed = app.services.feed.follow({ after: 0, job: id, signal: AbortSignal.timeout(60_000) });
  for await (const _event of feed) {
    // to the end
  }
  return Job.parse(await callApi(app, "GET", `/api/jobs/${id}`));
}
