/** What is wrong with a layout: a closed set of codes, each with its severity, and where in the file it was seen. */
import type { Position } from "./model.ts";

export type Severity = "error" | "warning" | "note";

/** Found while reading: what the text itself gets wrong. */
export const decodeSeverities = {
  "xml-malformed": "error",
  "xml-doctype": "error",
  "xml-too-large": "error",
  "element-unknown": "warning",
  "text-unexpected": "warning",
  "attribute-unknown": "warning",
  "attribute-missing": "error",
  "attribute-invalid": "error",
} as const satisfies Readonly<Record<string, Severity>>;

/** Found in the layout: rules across its fields. Each has one function in check and one row in repair. */
export const checkSeverities = {
  "disk-section-missing": "error",
  "disk-device-unknown": "error",
  "disk-duplicate": "error",
  "disk-match-invalid": "error",
  "label-missing": "error",
  "label-unknown": "error",
  "unit-unknown": "error",
  "size-invalid": "error",
  "part-number-invalid": "error",
  "part-number-duplicate": "error",
  "gpt-part-type": "error",
  "msdos-part-number": "error",
  "extended-missing": "error",
  "extended-duplicate": "error",
  "rest-duplicate": "error",
  "percent-over-100": "error",
  "line-number-invalid": "error",
  "line-number-duplicate": "error",
  "removable-medium": "error",
  "filesystem-missing": "error",
  "filesystem-unsupported": "error",
  "mount-point-invalid": "error",
  "mount-point-duplicate": "error",
  "root-missing": "error",
  "device-by-link": "error",
  "device-lost-p": "error",
  "device-family-changed": "error",
  "partition-missing": "error",
  "partition-used-twice": "error",
  "label-too-long": "error",
  "swap-file-size-missing": "error",
  "subvolume-number": "error",
  "boot-encrypted": "error",
  "bootloader-unsupported": "error",
  "raid-missing": "error",
  "raid-level-unknown": "error",
  "raid-members": "error",
  "stack-member-missing": "error",
  "stack-member-used-twice": "error",
  "stack-name-invalid": "error",
  "stack-circular": "error",
  "lvm-flag-missing": "error",
  "lvm-group-missing": "error",
  "lvm-group-empty": "error",
  "volume-missing": "error",
  "volume-size-invalid": "error",
  "volume-rest-duplicate": "error",
} as const satisfies Readonly<Record<string, Severity>>;

/** Found while fitting a layout to a machine. */
export const fitSeverities = {
  "disk-too-small": "error",
  "group-too-small": "error",
  "filesystem-too-small": "error",
  "disk-not-found": "error",
  "msdos-over-2-tib": "warning",
  "esp-added": "note",
  "bios-boot-added": "note",
  "label-converted": "note",
  "disk-renamed": "note",
  "no-room-in-table": "error",
} as const satisfies Readonly<Record<string, Severity>>;

/** Found while a layout is made from what a golden client told. */
export const factsSeverities = {
  "device-unresolved": "warning",
  "filesystem-not-in-fstab": "note",
  "stack-unknown": "warning",
  "disk-unused": "note",
  "disk-unlabelled": "warning",
} as const satisfies Readonly<Record<string, Severity>>;

export type DecodeCode = keyof typeof decodeSeverities;
export type CheckCode = keyof typeof checkSeverities;
export type FitCode = keyof typeof fitSeverities;
export type FactsCode = keyof typeof factsSeverities;
export type DiagnosticCode = DecodeCode | CheckCode | FitCode | FactsCode;

const severities: Readonly<Record<DiagnosticCode, Severity>> = {
  ...decodeSeverities,
  ...checkSeverities,
  ...fitSeverities,
  ...factsSeverities,
};

export interface Diagnostic<Code extends DiagnosticCode = DiagnosticCode> {
  readonly code: Code;
  readonly severity: Severity;
  /** What is wrong, with the value that is. */
  readonly message: string;
  /** The thing it is about: `/dev/vda`, `/dev/vda 2`, `line 30`. Code and subject together name one finding. */
  readonly subject: string;
  readonly at?: Position;
}

/** Makes a diagnostic; its severity follows from its code. */
export function diagnose<Code extends DiagnosticCode>(
  code: Code,
  message: string,
  about: { readonly subject: string; readonly at?: Position | undefined },
): Diagnostic<Code> {
  const place = about.at === undefined ? {} : { at: about.at };
  return { code, severity: severities[code], message, subject: about.subject, ...place };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === "error");
}

/** `FILE:12:3: error: message [code]`, the form that editors follow. */
export function formatDiagnostic(diagnostic: Diagnostic, file?: string): string {
  const { at, severity, message, code } = diagnostic;
  const place = at === undefined ? "" : `${at.line}:${at.column}:`;
  const prefix = file === undefined ? place : `${file}:${place}`;
  return `${prefix}${prefix === "" ? "" : " "}${severity}: ${message} [${code}]`;
}
