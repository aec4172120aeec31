import { type Job, JobEvent, JobList } from "../../api/schema/job.ts";
import { ClientLine, HostKeyList, Status } from "../../api/schema/status.ts";
import type { Command } from "../command.ts";
import { followJobs } from "../follow.ts";
import { renderTable, timeText } from "../output.ts";
import { ProgressDisplay } from "../progress-display.ts";
import { printJson } from "./started.ts";

export const statusCommand: Command = {
  name: "status",
  summary: "Show what the daemon serves, where, and what is off and why",
  synopsis: "",
  positionals: { min: 0, max: 0 },
  options: {},
  async run(context) {
    const status = Status.parse(await context.api().call("GET", "/api/status"));
    if (context.args.json) {
      printJson(context, status);
      return 0;
    }
    const rows = status.listeners.map((listener) => [
      listener.service,
      listener.address,
      listener.interface ?? "",
    ]);
    context.env.stdout.write(
      `Ingot ${status.version}, state in ${status.state}, up since ${timeText(status.startedAt)}\n`,
    );
    context.env.stdout.write(renderTable(["SERVICE", "ADDRESS", "INTERFACE"], rows));
    context.env.stdout.write(status.notes.map((note) => `Note: ${note}\n`).join(""));
    return 0;
  },
};

export const jobsCommand: Command = {
  name: "jobs",
  summary: "List jobs, newest first",
  synopsis: "[--active]",
  positionals: { min: 0, max: 0 },
  options: { active: { type: "boolean", help: "only those that wait or run" } },
  async run(context) {
    const list = JobList.parse(
      await context.api().call("GET", `/api/jobs${context.args.flag("active") ? "?active=1" : ""}`),
    );
    if (context.args.json) {
      printJson(context, list);
      return 0;
    }
    const rows = list.jobs.map((job) => [
      String(job.id),
      job.kind,
      job.title,
      job.state,
      timeText(job.createdAt),
      jobNote(job),
    ]);
    context.env.stdout.write(renderTable(["JOB", "KIND", "WHAT", "STATE", "CREATED", ""], rows, [0]));
    return 0;
  },
};

export const watchCommand: Command = {
  name: "watch",
  summary: "Live progress of everything that runs, until Ctrl-C",
  synopsis: "[--until-idle]",
  positionals: { min: 0, max: 0 },
  options: { "until-idle": { type: "boolean", help: "end when nothing runs any more" } },
  async run(context) {
    const active = JobList.parse(await context.api().call("GET", "/api/jobs?active=1")).jobs;
    if (context.args.flag("until-idle")) {
      await followJobs(context, active, { onInterrupt: "detach" });
      return 0;
    }
    const known = new Map<number, Job>(active.map((job) => [job.id, job]));
    const display = new ProgressDisplay(context.env.stdout, {
      quiet: false,
      now: () => context.env.clock.now(),
      tellEnds: true,
    });
    try {
      for await (const { data } of context.api().events("/api/events", context.env.signal)) {
        const event = JobEvent.parse(data);
        if (context.args.json) {
          context.env.stdout.write(`${JSON.stringify(event)}\n`);
          continue;
        }
        const job =
          known.get(event.job) ??
          JobList.parse(await context.api().call("GET", "/api/jobs?limit=200")).jobs.find(
            (candidate) => candidate.id === event.job,
          );
        if (job !== undefined) {
          known.set(job.id, job);
          display.show(job, event);
        }
      }
      return 0;
    } catch (error) {
      if (context.env.signal.aborted) {
        return 0;
      }
      throw error;
    } finally {
      display.close();
    }
  },
};

export const clientCommand: Command = {
  name: "client",
  summary: "Print the line that installs si_prepareclient and si_updateclient on a client",
  synopsis: "",
  positionals: { min: 0, max: 0 },
  options: {},
  description: "The line pins this server's public key, so it is safe over a network that is not.",
  async run(context) {
    const client = ClientLine.parse(await context.api().call("GET", "/api/client"));
    if (context.args.json) {
      printJson(context, client);
    } else {
      context.env.stdout.write(`${client.line}\n`);
    }
    return 0;
  },
};

export const hostKeyListCommand: Command = {
  name: "host-key list",
  summary: "List the SSH host keys that were pinned at first contact",
  synopsis: "",
  positionals: { min: 0, max: 0 },
  options: {},
  async run(context) {
    const list = HostKeyList.parse(await context.api().call("GET", "/api/host-keys"));
    if (context.args.json) {
      printJson(context, list);
    } else {
      const rows = list.keys.map((key) => [
        key.host,
        String(key.port),
        key.type,
        key.fingerprint,
        timeText(key.at),
      ]);
      context.env.stdout.write(renderTable(["HOST", "PORT", "TYPE", "FINGERPRINT", "SINCE"], rows, [1]));
    }
    return 0;
  },
};

export const hostKeyForgetCommand: Command = {
  name: "host-key forget",
  summary: "Forget a host's pinned SSH keys: the next contact pins the one it has then",
  synopsis: "HOST",
  positionals: { min: 1, max: 1 },
  options: {},
  async run(context) {
    const host = encodeURIComponent(context.args.positionals[0] ?? "");
    const list = HostKeyList.parse(await context.api().call("DELETE", `/api/host-keys?host=${host}`));
    if (context.args.json) {
      printJson(context, list);
    } else {
      context.env.stdout.write(`${list.keys.length} forgotten\n`);
    }
    return 0;
  },
};

function jobNote(job: Job): string {
  return job.error?.message ?? (job.state === "running" ? (job.progress?.phase ?? "") : "");
}
