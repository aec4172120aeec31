/** What `ingot doctor` tells: one thing that was looked at, how it is, and what to do where it is not well. */

/** `problem`: in the way of netboot or installs. `note`: worth knowing, or not to be seen from here. */
export type FindingLevel = "ok" | "note" | "problem";

export interface Finding {
  readonly level: FindingLevel;
  /** What was looked at: `daemon`, `port`, `dhcp`, `tftp`, `http`, `interface`, `clock`, `space` … */
  readonly area: string;
  readonly message: string;
  /** What to do. */
  readonly todo?: string;
}

export function okay(area: string, message: string): Finding {
  return { level: "ok", area, message };
}

export function note(area: string, message: string, todo?: string): Finding {
  return { level: "note", area, message, ...(todo === undefined ? {} : { todo }) };
}

export function problem(area: string, message: string, todo: string): Finding {
  return { level: "problem", area, message, todo };
}

const marks: Readonly<Record<FindingLevel, string>> = { ok: "ok", note: "note", problem: "PROBLEM" };

/** One line per finding with what to do below it; at the end how many are in the way. */
export function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ level, area, message, todo }) => [
    `${marks[level].padEnd(8)}${area.padEnd(10)}${message}`,
    ...(todo === undefined ? [] : [`${" ".repeat(18)}-> ${todo}`]),
  ]);
  const problems = findings.filter(({ level }) => level === "problem").length;
  const sum = problems === 0 ? "Nothing is in the way." : `In the way: ${problems}.`;
  return `${[...lines, sum].join("\n")}\n`;
}
