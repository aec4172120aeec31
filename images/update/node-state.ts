/** What a node says of itself before an update (images/update/client/state.sh), and how it is listed for one. */
import { err, ok, type Result } from "../../base/result.ts";
import type { MountFacts, ToolFacts } from "../capture/facts.ts";
import { mountsBelow, parseMounts } from "../capture/mounts.ts";
import { sectionLines, splitSections } from "../capture/sections.ts";
import { toolFacts } from "../capture/tool-facts.ts";
import type { Timestamp } from "../entry.ts";
import { formatVersion, parseVersionRef, type VersionId, type VersionRef } from "../manifest.ts";
import type { ResolvedRule } from "../sync/actions.ts";
import { parseRule } from "../sync/filter-rules.ts";
import { timeOf } from "../sync/listing.ts";

export interface NodeState {
  readonly hostname: string;
  readonly root: boolean;
  readonly mounts: readonly MountFacts[];
  readonly tools: ToolFacts;
  /** Those of the programs that an update can make use of which the node has. */
  readonly programs: ReadonlySet<string>;
  /** The rules of the node's own updateclient.local.exclude. */
  readonly rules: readonly ResolvedRule[];
  /** What an earlier update has left to be made anew. */
  readonly bootStepsDue: readonly string[];
  /** An update that was cut off has left its staging folder. */
  readonly unfinished: boolean;
  /** The last update: to which version, and when by the node's clock. */
  readonly synced?: {
    readonly ref: VersionRef;
    /** What lay over it, the weakest first. */
    readonly overrides: readonly VersionId[];
    readonly at: Timestamp;
  };
}

export const localExcludeFile = "/etc/systemimager/updateclient.local.exclude";

/** Reads the sections. */
export function parseNodeState(output: string): Result<NodeState, string> {
  const split = splitSections(output);
  if (!split.ok) {
    return split;
  }
  const sections = split.value;
  const rules = parseLocalExclude(sections.get("exclude") ?? "");
  if (!rules.ok) {
    return rules;
  }
  const [first = "", second = ""] = sectionLines(sections, "record");
  const ref = parseVersionRef(first.trim());
  const at = timeOf(sectionLines(sections, "record-time")[0]);
  return ok({
    hostname: sectionLines(sections, "uname")[0] ?? "",
    root: sectionLines(sections, "uid")[0] === "0",
    mounts: parseMounts(sections.get("mountinfo") ?? "", { removableDisks: [] }),
    tools: toolFacts(sections),
    rules: rules.value,
    unfinished: sectionLines(sections, "staging").length > 0,
    bootStepsDue: sectionLines(sections, "boot-due"),
    programs: new Set(sectionLines(sections, "programs")),
    ...(ref.ok && at !== undefined
      ? { synced: { ref: ref.value, overrides: parseOverrideLine(second), at } }
      : {}),
  });
}

/** The second line of a node's record, where overrides lie over its version: `overrides all@4 web01@2`. */
export function overrideLine(overrides: readonly VersionId[]): string {
  return `overrides ${overrides.map(formatVersion).join(" ")}`;
}

function parseOverrideLine(line: string): readonly VersionId[] {
  const [word, ...versions] = line.trim().split(" ");
  return (word === "overrides" ? versions : []).flatMap((text) => {
    const parsed = parseVersionRef(text);
    return parsed.ok && parsed.value.number !== undefined
      ? [{ image: parsed.value.image, number: parsed.value.number }]
      : [];
  });
}

/**
 * The file of old: one rsync pattern a line, `#` starts a comment, blanks before a pattern do not count. The section's own end
 * is an empty line.
 */
function parseLocalExclude(text: string): Result<readonly ResolvedRule[], string> {
  const rules: ResolvedRule[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const pattern = line.trim();
    if (pattern === "" || pattern.startsWith("#") || pattern.startsWith(";")) {
      continue;
    }
    const rule = parseRule(pattern, `${localExcludeFile}:${index + 1}`);
    if (!rule.ok) {
      return err(`${rule.error.origin}: ${rule.error.message}`);
    }
    rules.push(rule.value);
  }
  return ok(rules);
}

/** Mounts that an update leaves alone with all that is on them, as rules: their directory itself may be made. */
export function mountRules(mounts: readonly MountFacts[], root: string): readonly ResolvedRule[] {
  return mountsBelow(mounts, root).flatMap(({ path, mount }) =>
    path === "" || mount.kind === "local"
      ? []
      : [
          {
            text: `- /${path.replace(/[\\*?[]/g, "\\$&")}/***`,
            origin: "mounted on the node",
            reason: `${mount.kind} filesystem ${mount.type}`,
          },
        ],
  );
}
