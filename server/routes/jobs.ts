import { AppError } from "../../base/errors.ts";
import { eventStream } from "../api/event-stream.ts";
import { json, pathParam, queryNumber, type Route, type RouteContext } from "../api/router.ts";
import type { Job as JobView } from "../api/schema/job.ts";
import type { Job } from "../jobs/job.ts";
import type { Services } from "../services.ts";

const maxId = Number.MAX_SAFE_INTEGER;
const eventPage = 10_000;

/** A job as the API shows it: without its parameters. */
export function jobView(job: Job): JobView {
  const { params: _params, resources: _resources, ...shown } = job;
  return shown as JobView;
}

export function jobRoutes(services: Services): readonly Route[] {
  const { feed, jobs, journal } = services;

  function find(text: string): Job {
    const job = /^\d{1,15}$/.test(text) ? journal.get(Number(text)) : undefined;
    if (job === undefined) {
      throw new AppError("not-found", `Job ${text} does not exist`, { hint: "ingot jobs lists them" });
    }
    return job;
  }

  function after({ request, url }: RouteContext): number | undefined {
    const resumed = request.headers.get("last-event-id");
    return resumed !== null && /^\d{1,15}$/.test(resumed)
      ? Number(resumed)
      : queryNumber(url, "after", { min: 0, max: maxId });
  }

  function follow(
    context: RouteContext,
    options: { readonly after: number; readonly job?: number },
  ): Response {
    const end = new AbortController();
    context.request.signal.addEventListener("abort", () => end.abort(), { once: true });
    return eventStream(feed.follow({ ...options, signal: end.signal }), { onEnd: () => end.abort() });
  }

  return [
    {
      method: "GET",
      path: "/api/jobs",
      access: "admin",
      handle: ({ url }) => {
        const limit = queryNumber(url, "limit", { min: 1, max: 10_000 }) ?? 100;
        const active = url.searchParams.get("active") === "1";
        return json({ jobs: journal.list({ active, limit }).map(jobView) });
      },
    },
    {
      method: "GET",
      path: "/api/jobs/{id}",
      access: "admin",
      handle: ({ params }) => json(jobView(find(pathParam({ params }, "id")))),
    },
    {
      method: "POST",
      path: "/api/jobs/{id}/cancel",
      access: "admin",
      handle: ({ params }) => json(jobView(jobs.cancel(find(pathParam({ params }, "id")).id))),
    },
    {
      method: "POST",
      path: "/api/jobs/{id}/rerun",
      access: "admin",
      handle: ({ params }) =>
        json({ jobs: [jobView(jobs.rerun(find(pathParam({ params }, "id")).id))] }, 202),
    },
    {
      method: "GET",
      path: "/api/jobs/{id}/events",
      access: "admin",
      handle: (context) => {
        const job = find(pathParam(context, "id")).id;
        const from = after(context) ?? 0;
        return context.request.headers.get("accept")?.startsWith("application/json") === true
          ? json({ events: journal.events({ after: from, job, limit: eventPage }) })
          : follow(context, { after: from, job });
      },
    },
    {
      method: "GET",
      path: "/api/events",
      access: "admin",
      handle: (context) => follow(context, { after: after(context) ?? journal.lastEvent() }),
    },
  ];
}
