/** The probe's output: sections, each headed by a line of 0x1E and its name (images/capture/client/probe.sh writes it). */
import { err, ok, type Result } from "../../base/result.ts";

/** Section texts by name, one character per byte. A name that comes twice keeps its first text. */
export type Sections = ReadonlyMap<string, string>;

/** Splits the output of the probe; an output without its `end` section was cut short. */
export function splitSections(output: string): Result<Sections, string> {
  const sections = new Map<string, string>();
  for (const part of output.split("\n\x1e").slice(1)) {
    const line = part.indexOf("\n");
    const name = line < 0 ? part : part.slice(0, line);
    if (!sections.has(name)) {
      sections.set(name, line < 0 ? "" : part.slice(line + 1));
    }
  }
  return sections.has("end") ? ok(sections) : err("the probe's output ends before its last section");
}

/** Lines of a section without empty ones. */
export function sectionLines(sections: Sections, name: string): readonly string[] {
  return (sections.get(name) ?? "").split("\n").filter((line) => line.trim() !== "");
}

/** `KEY=value` lines with shell quoting taken off, as os-release and blkid's export form have them. */
export function parseAssignments(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && !values.has(match[1])) {
      values.set(match[1], unquote(match[2].trim()));
    }
  }
  return values;
}

function unquote(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted?.[1] === "'") {
    return quoted[2] ?? "";
  }
  return (quoted?.[2] ?? text).replace(/\\(.)/g, "$1");
}
