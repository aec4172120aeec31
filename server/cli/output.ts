/** Renderings for people: tables, errors, and the one-line progress bar. All pure. */
import type { AppError } from "../../base/errors.ts";
import { formatByteSize, formatDuration } from "../../base/quantity.ts";

/** Columns padded to their widest cell; numbers (columns named in `right`) to the right. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line), ""].join("\n");
}

/** `ingot: what failed` and, below it, what to do. */
export function renderError(error: AppError): string {
  const at = error.details.at;
  const place =
    at === undefined
      ? ""
      : `${[at.file, at.line, at.column].filter((part) => part !== undefined).join(":")}: `;
  const hint = error.details.hint === undefined ? "" : `\n  ${error.details.hint.replaceAll("\n", "\n  ")}`;
  return `ingot: ${place}${error.message}${hint}\n`;
}

export function errorAsJson(error: AppError): unknown {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.details.hint === undefined ? {} : { hint: error.details.hint }),
      ...(error.details.at === undefined ? {} : { at: error.details.at }),
    },
  };
}

export interface ProgressView {
  readonly label: string;
  readonly phase: string;
  readonly percent?: number | undefined;
  readonly files?: number | undefined;
  readonly filesTotal?: number | undefined;
  readonly bytes?: number | undefined;
  readonly bytesTotal?: number | undefined;
  readonly message?: string | undefined;
  readonly elapsed: number;
  /** Bytes per second, smoothed. */
  readonly rate?: number | undefined;
}

/** How much of the work is done, 0..1, where that is known. */
export function progressFraction(
  view: Pick<ProgressView, "percent" | "bytes" | "bytesTotal" | "files" | "filesTotal">,
): number | undefined {
  if (view.percent !== undefined) {
    return clamp(view.percent / 100);
  }
  if (view.bytes !== undefined && view.bytesTotal !== undefined && view.bytesTotal > 0) {
    return clamp(view.bytes / view.bytesTotal);
  }
  if (view.files !== undefined && view.filesTotal !== undefined && view.filesTotal > 0) {
    return clamp(view.files / view.filesTotal);
  }
  return undefined;
}

/** `capture web  stream  [#####     ]  51%  6,120/13,044 files  201 MiB  38.2 MiB/s  5 s left`, cut to `columns`. */
export function renderProgress(view: ProgressView, columns: number): string {
  const fraction = progressFraction(view);
  const parts: string[] = [`${view.label}  ${view.phase.padEnd(9)}`];
  if (fraction !== undefined) {
    const width = 20;
    const filled = Math.round(fraction * width);
    parts.push(
      `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${String(Math.floor(fraction * 100)).padStart(3)}%`,
    );
  }
  if (view.files !== undefined) {
    parts.push(
      view.filesTotal === undefined
        ? `${withCommas(view.files)} files`
        : `${withCommas(view.files)}/${withCommas(view.filesTotal)} files`,
    );
  }
  if (view.bytes !== undefined) {
    parts.push(formatByteSize(view.bytes));
  }
  if (view.rate !== undefined && view.rate > 0) {
    parts.push(`${formatByteSize(view.rate)}/s`);
    if (view.bytes !== undefined && view.bytesTotal !== undefined && view.bytesTotal > view.bytes) {
      parts.push(`${formatDuration(((view.bytesTotal - view.bytes) / view.rate) * 1000)} left`);
    }
  }
  if (view.message !== undefined) {
    parts.push(view.message);
  }
  const line = parts.join("  ");
  return line.length > columns - 1 ? `${line.slice(0, columns - 2)}…` : line;
}

/** 13044 → `13,044`. */
export function withCommas(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

/** UTC to the minute: `2026-11-22 04:10`. */
export function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ");
}
