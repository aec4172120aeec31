/** What a machine under installation says, checked: it is as hostile as any other. */
import {
  type InstallFailure,
  type InstallPhase,
  type InstallReport,
  installPhases,
} from "../../autoinstall/install/protocol.ts";
import { err, ok, type Result } from "../../base/result.ts";

const messageLimit = 4096;

type Fields = Readonly<Record<string, unknown>>;

/** A report, from a JSON body or from the query form that busybox can send. */
export function parseReport(body: string, query: URLSearchParams): Result<InstallReport, string> {
  const fields = fieldsOf(body, query);
  const phase = fields.ok ? parsePhase(fields.value.phase) : undefined;
  if (!fields.ok) {
    return fields;
  }
  const percent = Number(fields.value.percent ?? Number.NaN);
  const bytes =
    fields.value.bytes === undefined || fields.value.bytes === "" ? undefined : Number(fields.value.bytes);
  if (phase === undefined) {
    return err("the report's phase is not one of the install's");
  }
  if (!(percent >= 0 && percent <= 100)) {
    return err("the report's percent is not a number from 0 to 100");
  }
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
    return err("the report's bytes is not a whole number");
  }
  const message = printable(fields.value.message);
  return ok({
    phase,
    percent,
    ...(bytes === undefined ? {} : { bytes }),
    ...(message === undefined ? {} : { message }),
  });
}

export function parseFailure(body: string, query: URLSearchParams): Result<InstallFailure, string> {
  const fields = fieldsOf(body, query);
  if (!fields.ok) {
    return fields;
  }
  return ok({
    phase: parsePhase(fields.value.phase) ?? "boot",
    message: printable(fields.value.message) ?? "the machine gave no reason",
  });
}

function fieldsOf(body: string, query: URLSearchParams): Result<Fields, string> {
  if (body.trim() === "") {
    return ok(Object.fromEntries(query));
  }
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null
      ? ok(value as Fields)
      : err("the report is not an object");
  } catch {
    return err("the report is not JSON");
  }
}

function parsePhase(value: unknown): InstallPhase | undefined {
  return installPhases.find((phase) => phase === value);
}

/** Text for people: control characters become blanks. */
function printable(value: unknown): string | undefined {
  if (typeof value !== "string" || value.trim() === "") {
    return undefined;
  }
  return value
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, messageLimit);
}

/** Log text as it is kept: without control characters but line ends and tabs, so that showing it cannot drive a terminal. */
export function logText(bytes: Uint8Array): string {
  return new TextDecoder()
    .decode(bytes)
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "");
}
