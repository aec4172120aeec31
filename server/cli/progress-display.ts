import type { Job, JobEvent, JobProgress } from "../api/schema/job.ts";
import type { OutputStream } from "./command.ts";
import { progressFraction, renderProgress } from "./output.ts";

interface Line {
  readonly job: Job;
  readonly startedAt: number;
  progress?: JobProgress;
  phase?: string;
  tenthShown: number;
}

export interface DisplayOptions {
  readonly quiet: boolean;
  readonly now: () => number;
  /** Prints a line when a job ends; not wanted where the command itself tells how its one job ended. */
  readonly tellEnds: boolean;
}

/**
 * On a terminal, a block of lines redrawn in place, one per running job. Elsewhere (a log, a pipe) a plain line whenever a
 * job's phase changes or another tenth of it is done.
 */
export class ProgressDisplay {
  readonly #out: OutputStream;
  readonly #quiet: boolean;
  readonly #now: () => number;
  readonly #tellEnds: boolean;
  readonly #lines = new Map<number, Line>();
  #drawn = 0;

  constructor(out: OutputStream, options: DisplayOptions) {
    this.#out = out;
    this.#quiet = options.quiet;
    this.#now = options.now;
    this.#tellEnds = options.tellEnds;
  }

  show(job: Job, event: JobEvent): void {
    if (event.kind === "message") {
      if (event.level !== "info" || !this.#quiet) {
        this.#print(
          `${job.node ?? job.title}: ${event.level === "info" ? "" : `${event.level}: `}${event.text}`,
        );
      }
      return;
    }
    const line = this.#line(job);
    if (event.kind === "progress") {
      line.progress = event.progress;
      this.#progress(line);
    } else if (event.state !== "queued" && event.state !== "running") {
      this.#lines.delete(job.id);
      if (!this.#tellEnds) {
        this.#redraw();
        return;
      }
      this.#print(
        `${job.title}: ${event.error === undefined ? event.state : `${event.state}: ${event.error.message}`}`,
      );
    }
  }

  /** Removes what is drawn. */
  close(): void {
    this.#clear();
    this.#lines.clear();
  }

  #line(job: Job): Line {
    const known = this.#lines.get(job.id);
    if (known !== undefined) {
      return known;
    }
    const line: Line = { job, startedAt: this.#now(), tenthShown: -1 };
    this.#lines.set(job.id, line);
    return line;
  }

  #progress(line: Line): void {
    if (this.#quiet || line.progress === undefined) {
      return;
    }
    if (this.#out.isTerminal) {
      this.#redraw();
      return;
    }
    const tenth = Math.floor((progressFraction(line.progress) ?? 0) * 10);
    if (line.progress.phase !== line.phase || tenth > line.tenthShown) {
      line.phase = line.progress.phase;
      line.tenthShown = tenth;
      this.#out.write(`${this.#render(line, 200)}\n`);
    }
  }

  #print(text: string): void {
    if (this.#quiet && !this.#out.isTerminal) {
      return;
    }
    this.#clear();
    this.#out.write(`${text}\n`);
    this.#redraw();
  }

  #redraw(): void {
    if (!this.#out.isTerminal || this.#quiet) {
      return;
    }
    this.#clear();
    for (const line of this.#lines.values()) {
      if (line.progress !== undefined) {
        this.#out.write(`${this.#render(line, this.#out.columns)}\n`);
        this.#drawn += 1;
      }
    }
  }

  #clear(): void {
    if (this.#drawn > 0) {
      this.#out.write(`\x1b[${this.#drawn}A\x1b[J`);
      this.#drawn = 0;
    }
  }

  #render(line: Line, columns: number): string {
    const progress = line.progress ?? { phase: "" };
    return renderProgress(
      { label: line.job.title, elapsed: this.#now() - line.startedAt, ...progress },
      columns,
    );
  }
}
