import type { Brand } from "./brand.ts";
import { err, ok, type Result } from "./result.ts";

/** A number of bytes: a non-negative safe integer. */
export type ByteSize = Brand<number, "ByteSize">;
/** A span of time in milliseconds. */
export type Duration = Brand<number, "Duration">;

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  K: 1024,
  KIB: 1024,
  KB: 1000,
  M: 1024 ** 2,
  MIB: 1024 ** 2,
  MB: 1000 ** 2,
  G: 1024 ** 3,
  GIB: 1024 ** 3,
  GB: 1000 ** 3,
  T: 1024 ** 4,
  TIB: 1024 ** 4,
  TB: 1000 ** 4,
};

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function byteSize(value: number): ByteSize {
  return value as ByteSize;
}

export function duration(milliseconds: number): Duration {
  return milliseconds as Duration;
}

/** Parses `4096`, `10M`, `10MiB` (1024-based) and `10MB` (1000-based). */
export function parseByteSize(text: string): Result<ByteSize, string> {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const factor = byteUnits[(match?.[2] ?? "?").toUpperCase()];
  const value = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  return Number.isSafeInteger(value)
    ? ok(byteSize(value))
    : err(`'${text}' is not a size (such as 512M, 4GiB, 10GB)`);
}

/** `1.5 GiB`: three significant digits, 1024-based. */
export function formatByteSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Parses `90s`, `15m`, `2h`, `1d`, `250ms`. */
export function parseDuration(text: string): Result<Duration, string> {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  const factor = durationUnits[match?.[2] ?? "?"];
  return factor === undefined
    ? err(`'${text}' is not a duration (such as 90s, 15m, 2h)`)
    : ok(duration(Number(match?.[1]) * factor));
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (milliseconds < 10_000) {
    return `${(milliseconds / 1000).toFixed(1)} s`;
  }
  if (seconds < 60) {
    return `${seconds} s`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  }
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
}
